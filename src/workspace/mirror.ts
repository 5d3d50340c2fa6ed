import { join } from "node:path";
import type { Workspace } from "../config/index.ts";
import type { FlowContext } from "../core/context.ts";
import { cacheDirectory } from "../core/paths.ts";
import { bringNeeds } from "../vendoring/index.ts";
import { workspaceNeeds } from "./needs.ts";

/** Where clones of mirrors on this machine lend each other objects. */
export function mirrorStore(ctx: Pick<FlowContext, "env">): string {
  return join(cacheDirectory(ctx.env), "mirrors");
}

/**
 * Takes what the workspace needs now into the mirror's work tree, where that does not hold all.
 * @throws FlowError FLOW_VENDOR_FETCH when something is needed that is not here, and the remote is out of reach
 */
export async function bringWhatIsNeeded(ctx: FlowContext, workspace: Workspace): Promise<void> {
  await bringNeeds(ctx, workspace.paths.mirror, { needs: () => workspaceNeeds(workspace), store: mirrorStore(ctx) });
}
