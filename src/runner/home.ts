import { join } from "node:path";
import { findRepository, findWorkspaceRoot } from "../config/find.ts";
import type { FlowContext } from "../core/context.ts";

/** Directories of a run below its home. */
export function runPaths(home: string) {
  const state = join(home, ".flow");
  return {
    state,
    run: join(state, "run"),
    logs: join(state, "logs"),
    consul: join(state, "consul"),
    data: join(state, "data"),
    compileCache: join(state, "compile-cache"),
  } as const;
}

/** The home of a run without reading its definition: what `ps`, `logs` and `stop` need. */
export async function findHome(ctx: FlowContext): Promise<string | undefined> {
  return (await findWorkspaceRoot(ctx)) ?? findRepository(ctx.cwd);
}
