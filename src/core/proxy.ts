import * as http from "node:http";
import type { FlowContext } from "./context.ts";

const variables = ["HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"];
let users = 0;
let restore: (() => void) | undefined;

/**
 * Runs `work` with `fetch` going through the proxies that HTTP_PROXY, HTTPS_PROXY and NO_PROXY (or their lower-case
 * names) of the context say. fetch knows one setting for the whole process: it holds as long as anybody needs it.
 */
export async function withProxy<T>({ env }: Pick<FlowContext, "env">, work: () => Promise<T>): Promise<T> {
  const settings = Object.fromEntries(
    variables.flatMap((name) => [name, name.toLowerCase()]).flatMap((name) => (env[name] ? [[name, env[name]]] : [])),
  ) as Record<string, string>;
  // Node has it from 24.5 on.
  if (Object.keys(settings).length === 0 || typeof http.setGlobalProxyFromEnv !== "function") return await work();
  if (users++ === 0) restore = http.setGlobalProxyFromEnv(settings);
  try {
    return await work();
  } finally {
    if (--users === 0) restore?.();
  }
}
