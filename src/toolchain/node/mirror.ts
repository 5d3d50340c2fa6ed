import { existsSync } from "node:fs";
import { join } from "node:path";
import type { FlowContext } from "../../core/context.ts";
import type { WorkspacePaths } from "../../core/paths.ts";
import { nodeIntegrity, readPin } from "../../core/pins.ts";
import { keepArchives, openMirror, type AddOptions, type WantedArchive } from "../../vendoring/index.ts";
import { thisPlatform } from "../platform.ts";

/** Where the mirror holds Node, as the registry's tarball: a Node itself is larger than what forges take. */
function place(platform: string): { prefix: string; file: string } {
  return { prefix: `nodejs/${platform}`, file: "node.tgz" };
}

/** The tarball of some Node for this machine in the mirror's work tree; undefined when there is none. */
export function heldNode(paths: WorkspacePaths): string | undefined {
  const { prefix, file } = place(thisPlatform);
  const path = join(paths.mirror, prefix, file);
  return existsSync(path) ? path : undefined;
}

/**
 * Brings the pinned Node into the mirror, so that a new machine needs nothing but the mirror's host. Platforms whose
 * tarball has no recorded hash are left out.
 * @param platforms default this machine's
 * @returns the platforms that were added
 * @throws FlowError FLOW_VENDOR_FETCH
 */
export async function holdNode(
  ctx: FlowContext,
  { dir, platforms = [thisPlatform] }: { dir: string; platforms: readonly string[] | undefined },
  options: AddOptions,
): Promise<string[]> {
  const { root } = ctx.installation;
  const version = await readPin(root, "FLOW_NODE_VERSION");
  const { manifest } = await openMirror(ctx, dir);
  const wanted: (WantedArchive & { platform: string })[] = [];
  for (const platform of platforms) {
    const integrity = await nodeIntegrity(root, platform);
    const { prefix, file } = place(platform);
    if (integrity === undefined || manifest.prefixes[prefix]?.integrity === integrity) continue;
    wanted.push({ platform, prefix, file, name: `node-${platform}`, version, integrity, licence: "MIT" });
  }
  if (wanted.length > 0) await keepArchives(ctx, dir, wanted, options);
  return wanted.map(({ platform }) => platform);
}
