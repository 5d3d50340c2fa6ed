import { readFile } from "node:fs/promises";
import { delimiter, resolve } from "node:path";
import { parseEnv } from "node:util";
import type { Workspace } from "../config/index.ts";
import type { FlowContext } from "../core/context.ts";

/** What of the personal environment every service may see; `passEnv` in flow.yaml adds names. */
const allowed = [
  "HOME",
  "USER",
  "LOGNAME",
  "LANG",
  "TZ",
  "TMPDIR",
  "TERM",
  "SHELL",
  "XDG_CACHE_HOME",
  "XDG_RUNTIME_DIR",
  "SSL_CERT_FILE",
  "SSL_CERT_DIR",
  "NODE_EXTRA_CA_CERTS",
];

/** The environment that services start from: nothing of the personal one that is not allowed. */
export function baseEnvironment(ctx: FlowContext, workspace: Workspace | undefined): Record<string, string> {
  const { env, installation } = ctx;
  const names = new Set([
    ...allowed,
    ...Object.keys(env).filter((name) => name.startsWith("LC_")),
    ...(workspace?.definition.passEnv ?? []),
  ]);
  const passed = Object.fromEntries([...names].flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]]])));
  const bin = workspace === undefined ? [] : [workspace.paths.bin];
  return {
    ...passed,
    PATH: [...bin, resolve(installation.nodePath, ".."), env.PATH ?? "/usr/bin:/bin"].join(delimiter),
    ...(workspace === undefined ? {} : { FLOW_HOME: workspace.paths.home }),
    ...workspace?.definition.env,
  };
}

/** Variables of `config/<service>.env`; none without the file. */
export async function serviceFileVariables(path: string): Promise<Record<string, string>> {
  const text = await readFile(path, "utf8").catch(() => undefined);
  if (text === undefined) return {};
  return Object.fromEntries(
    Object.entries(parseEnv(text)).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}
