import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Workspace } from "../config/index.ts";
import type { FlowContext } from "../core/context.ts";
import { isFlowError } from "../core/errors.ts";
import { warn } from "../core/events.ts";
import { buildPackages, openMirror, type BuildPlace, type Built } from "../vendoring/index.ts";

/** Where a workspace's builds lie, and for which Node they are made. */
export function buildPlace(ctx: FlowContext, { paths, definition }: Workspace): BuildPlace {
  const own = join(paths.bin, "node");
  const { vendor = {} } = definition;
  const headers = vendor.nodeHeaders === undefined ? {} : { nodeHeaders: resolve(paths.home, vendor.nodeHeaders) };
  return {
    directory: paths.builds,
    node: existsSync(own) ? own : ctx.installation.nodePath,
    definition: { ...vendor, ...headers },
  };
}

/**
 * Builds what flow.yaml allows and is not built yet. A failure is told and no more: everything else of the workspace
 * works without it, and `flow vendor build` says it again.
 */
export async function buildMissing(ctx: FlowContext, workspace: Workspace): Promise<Built[]> {
  try {
    const mirror = await openMirror(ctx, workspace.paths.mirror);
    return await buildPackages(ctx, mirror, { place: buildPlace(ctx, workspace) });
  } catch (error) {
    if (!isFlowError(error) || !["FLOW_VENDOR_BUILD", "FLOW_VENDOR_NO_PREFIX"].includes(error.code)) throw error;
    warn(ctx, `${error.message}: flow vendor build tells why`);
    return [];
  }
}
