import { existsSync } from "node:fs";
import { mkdir, mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { FlowContext } from "../../core/context.ts";
import { removeTree } from "../../core/files.ts";
import type { WorkspacePaths } from "../../core/paths.ts";
import { nodeIntegrity, pinsFile, readPin } from "../../core/pins.ts";
import {
  keepArchives,
  openMirror,
  readPackedFile,
  type AddOptions,
  type WantedArchive,
} from "../../vendoring/index.ts";
import { thisPlatform } from "../platform.ts";

/** Where the mirror holds Node, as the registry's tarball: a Node itself is larger than what forges take. */
function place(platform: string): { prefix: string; file: string } {
  return { prefix: `nodejs/${platform}`, file: "node.tgz" };
}

/** Prefix of the Node for this machine. */
export const heldNodePrefix = place(thisPlatform).prefix;

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
 * @param root of the flow whose pinned Node is meant, default the one that runs
 * @returns the platforms that were added
 * @throws FlowError FLOW_VENDOR_FETCH
 */
export async function holdNode(
  ctx: FlowContext,
  {
    dir,
    platforms = [thisPlatform],
    root = ctx.installation.root,
  }: { dir: string; platforms: readonly string[] | undefined; root?: string },
  options: AddOptions,
): Promise<string[]> {
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

/**
 * Brings the Node that packed releases of flow pin into a mirror that holds one, for the platforms that it holds: whoever
 * updates has nothing but the mirror's host, perhaps.
 * @param tarballs paths; what is no release of flow is passed over
 * @throws FlowError FLOW_VENDOR_FETCH
 */
export async function holdNodeOf(
  ctx: FlowContext,
  { dir, tarballs }: { dir: string; tarballs: readonly string[] },
  options: AddOptions,
): Promise<void> {
  if (tarballs.length === 0) return;
  const { manifest } = await openMirror(ctx, dir);
  const platforms = Object.keys(manifest.prefixes).flatMap((prefix) => /^nodejs\/([^/]+)$/.exec(prefix)?.[1] ?? []);
  if (platforms.length === 0) return;
  for (const tarball of tarballs) {
    const pins = await readPackedFile(tarball, pinsFile);
    if (pins === undefined) continue;
    const root = await mkdtemp(join(tmpdir(), "flow-pins-"));
    try {
      await mkdir(join(root, dirname(pinsFile)));
      await writeFile(join(root, pinsFile), pins);
      await holdNode(ctx, { dir, platforms, root }, options);
    } finally {
      await removeTree(root);
    }
  }
}
