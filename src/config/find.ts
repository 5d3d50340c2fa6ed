import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import type { FlowContext } from "../core/context.ts";

/** Root of the workspace that `cwd` lies in, or FLOW_HOME; undefined when there is none. */
export async function findWorkspaceRoot(ctx: Pick<FlowContext, "cwd" | "env">): Promise<string | undefined> {
  for (let dir = resolve(ctx.cwd); ; dir = dirname(dir)) {
    if (await isWorkspaceRoot(dir)) return dir;
    if (dirname(dir) === dir) break;
  }
  const home = ctx.env.FLOW_HOME;
  return home !== undefined && home !== "" && (await isWorkspaceRoot(home)) ? resolve(home) : undefined;
}

/**
 * A repository's flow.yaml has the same name; `organization` and `module` tell them apart. A key of the document
 * itself stands at the start of a line, so finding one takes no parser: `flow ps` asks this, and a broken file is
 * complained about when it is read.
 */
async function isWorkspaceRoot(dir: string): Promise<boolean> {
  const text = await readFile(join(dir, "flow.yaml"), "utf8").catch(() => "");
  return /^(["']?)(?:organization|module)\1[ \t]*:/m.test(text);
}

/** Directory of the nearest flow.yaml at or above `cwd`. */
export function findRepository(cwd: string): string | undefined {
  for (let dir = resolve(cwd); ; dir = dirname(dir)) {
    if (existsSync(join(dir, "flow.yaml"))) return dir;
    if (dirname(dir) === dir) return undefined;
  }
}
