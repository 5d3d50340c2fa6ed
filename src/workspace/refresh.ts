import type { Workspace } from "../config/index.ts";
import type { FlowContext } from "../core/context.ts";
import { writeGoWork } from "./go-work.ts";
import { linkPackages, type LinkResult } from "./links.ts";

export interface RefreshResult extends LinkResult {
  /** Repositories whose Go modules are built from the mirror. */
  goWork: string[];
}

/**
 * Makes services find what the mirror and the repositories hold now: `node_modules/` for Node, go.work for Go. To be
 * run after the mirror, a repository's flow.yaml or the list of repositories changed.
 */
export async function refreshWorkspace(ctx: FlowContext, workspace: Workspace): Promise<RefreshResult> {
  const links = await linkPackages(ctx, workspace);
  return { ...links, goWork: await writeGoWork(ctx, workspace) };
}
