import type { Workspace } from "../config/index.ts";
import type { FlowContext } from "../core/context.ts";
import { buildMissing } from "./builds.ts";
import { writeGoWork } from "./go-work.ts";
import { linkPackages, type LinkResult } from "./links.ts";
import { bringWhatIsNeeded } from "./mirror.ts";

export interface RefreshResult extends LinkResult {
  /** Repositories whose Go modules are built from the mirror. */
  goWork: string[];
}

/**
 * Makes services find what the mirror and the repositories hold now: `node_modules/` for Node, go.work for Go. To be
 * run after the mirror, a repository's flow.yaml or the list of repositories changed.
 */
export async function refreshWorkspace(ctx: FlowContext, workspace: Workspace): Promise<RefreshResult> {
  await bringWhatIsNeeded(ctx, workspace);
  // Builds find the mirror's packages by the links, and are linked themselves once they are there.
  const first = await linkPackages(ctx, workspace);
  const built = (await buildMissing(ctx, workspace)).some(({ changed }) => changed);
  const links = built ? await linkPackages(ctx, workspace) : first;
  return { ...links, goWork: await writeGoWork(ctx, workspace) };
}
