import type { FlowContext } from "../../core/context.ts";
import { step } from "../../core/events.ts";
import { Git } from "../../core/git/index.ts";
import { networkTimeoutMs } from "../../core/network-timeout.ts";
import { committedManifest } from "../manifest.ts";
import { openMirror, withMirrorLock } from "../mirror.ts";
import { upstreamRef } from "../messages.ts";
import { isNpm, isRelease } from "../sources.ts";
import { lockPackages } from "../npm/lock.ts";
import { topFile, treesIn } from "../trees.ts";
import type { Manifest, Mirror } from "../types.ts";
import { findPrefix } from "../find-prefix.ts";
import { readCone, widenCone } from "./cone.ts";
import { blobsOf, bringObjects, isUnadvertised, outOfReach, presentCommits } from "./objects.ts";
import { neededDirectories, type Needs } from "./needs.ts";
import { cloneState } from "./state.ts";
import { lend } from "./store.ts";

type Progress = (done: number, total: number) => void;

/**
 * Takes directories of a sparse clone into its work tree, and fetches what is to lie there. A clone that has the whole
 * tree is left alone, and what is there costs no network.
 * @returns the directories that came
 * @throws FlowError FLOW_VENDOR_FETCH when the mirror's remote is out of reach
 */
export async function bringDirectories(
  ctx: FlowContext,
  mirror: Mirror,
  directories: readonly string[],
): Promise<string[]> {
  const git = new Git(ctx, mirror.dir);
  if ((await outside(git, directories)).length === 0) return [];
  return await withMirrorLock(ctx, mirror.dir, "bringing packages into the work tree", () =>
    widen(ctx, git, { mirror, directories }),
  );
}

/**
 * Takes what is needed into the work tree of a sparse clone, and lends it to other clones of this machine.
 * @param needs is not asked when the clone has the whole tree
 * @throws FlowError FLOW_VENDOR_FETCH when the mirror's remote is out of reach
 */
export async function bringNeeds(
  ctx: FlowContext,
  dir: string,
  { needs, store }: { needs: () => Promise<Needs>; store: string },
): Promise<void> {
  const git = new Git(ctx, dir);
  if ((await readCone(git)).directories === undefined) return;
  const mirror = await openMirror(ctx, dir);
  const lock = lockPackages(await topFile(git, "package-lock.json", mirror.head));
  const directories = neededDirectories({ manifest: mirror.manifest, lock }, await needs());
  const brought = await bringDirectories(ctx, mirror, directories);
  if (brought.length === 0 || !(await cloneState(git)).partial) return;
  const url = await git.text(["config", `remote.${mirror.remote ?? "origin"}.url`], { okCodes: [0, 1] });
  if (url !== "") await lend(ctx, git, { store, url });
}

/**
 * Takes prefixes, or packages by name with all that they need, into the work tree of a sparse clone.
 * @throws FlowError FLOW_VENDOR_NO_PREFIX, FLOW_VENDOR_FETCH
 */
export async function bringNamed(ctx: FlowContext, mirror: Mirror, names: readonly string[]): Promise<string[]> {
  const prefixes = names.map((name) => findPrefix(mirror, name));
  const lock = lockPackages(await topFile(new Git(ctx, mirror.dir), "package-lock.json", mirror.head));
  const packages = prefixes.flatMap((prefix) => /^node_modules\/((?:@[^/]+\/)?[^/]+)$/.exec(prefix)?.[1] ?? []);
  return await bringDirectories(
    ctx,
    mirror,
    neededDirectories({ manifest: mirror.manifest, lock }, { packages, prefixes }),
  );
}

/** {@link bringDirectories} for who holds the mirror's lock already. */
export async function widen(
  ctx: FlowContext,
  git: Git,
  { mirror, directories }: { mirror: Mirror; directories: readonly string[] },
): Promise<string[]> {
  const lacking = await outside(git, directories);
  if (lacking.length === 0) return [];
  const id = "vendor.bring";
  const title = "Bringing packages of the mirror into the work tree";
  await step(ctx, { id, title }, async ({ progress, result }) => {
    const { manifest, remote = "origin" } = mirror;
    const onProgress: Progress = (done, total) => progress("files", done, total);
    await bringContents(ctx, git, { manifest, remote, directories: lacking, onProgress });
    await widenCone(git, lacking);
    result(lacking.length > 5 ? `${lacking.length} directories` : lacking.join(", "));
  });
  return lacking;
}

async function outside(git: Git, directories: readonly string[]): Promise<string[]> {
  if (directories.length === 0) return [];
  const cone = await readCone(git);
  return [...new Set(directories)].filter((directory) => !cone.holds(directory)).sort();
}

export interface ContentsOptions {
  /** Whose files; default HEAD. */
  commit?: string;
  /** Of that commit. */
  manifest: Manifest;
  remote: string;
  directories: readonly string[];
  onProgress?: Progress;
}

/**
 * Fetches into a partial or shallow clone all that working on directories takes, so that nothing of it is asked for
 * later, when there may be no network: files, the squashes of their prefixes, and upstream's files beside patches of
 * ours. What flow reads of every prefix, wherever it lies, comes too.
 */
export async function bringContents(
  ctx: FlowContext,
  git: Git,
  { commit = "HEAD", manifest, remote, directories, onProgress }: ContentsOptions,
): Promise<void> {
  const { shallow, partial } = await cloneState(git);
  const bring = async (hashes: Iterable<string>) =>
    await bringObjects(ctx, git, hashes, { remote, ...(onProgress === undefined ? {} : { onProgress }) });
  if (shallow) {
    const entries = Object.entries(manifest.prefixes).filter(([prefix]) => isBelow(prefix, directories));
    await bringSquashesOf(ctx, git, { squashes: entries.map(([, { squash }]) => squash), remote });
  }
  if (!partial) return;
  const wanted = [...(await descriptions(git, commit, manifest)), ...(await blobsOf(git, commit, directories))];
  for (const tree of await upstreamBeside(git, { commit, manifest, directories }))
    wanted.push(...(await blobsOf(git, tree)));
  await bring(wanted);
}

function isBelow(prefix: string, directories: readonly string[]): boolean {
  return directories.some((directory) => prefix === directory || prefix.startsWith(`${directory}/`));
}

/** Fetches squashes that a shallow clone lacks, without what lies behind them. */
async function bringSquashesOf(
  ctx: FlowContext,
  git: Git,
  { squashes, remote }: { squashes: readonly string[]; remote: string },
): Promise<void> {
  const here = await presentCommits(git, squashes);
  const lacking = squashes.filter((squash) => !here.has(squash));
  if (lacking.length === 0) return;
  await bringObjects(ctx, git, lacking, { remote, shallow: true }).catch((error: unknown) => {
    // An update asks for them again, by the references that lead to them.
    if (!isUnadvertised(error)) throw error;
  });
}

/** {@link bringContents} for what a sparse clone is about to check out of another commit; nothing in a whole one. */
export async function bringCommit(
  ctx: FlowContext,
  git: Git,
  { commit, remote }: { commit: string; remote: string },
): Promise<void> {
  const { directories } = await readCone(git);
  if (directories === undefined) return;
  await bringTopFiles(ctx, git, { commit, remote });
  await bringContents(ctx, git, { commit, manifest: await committedManifest(git, commit), remote, directories });
}

/** Fetches the files at the top into a partial clone: they say what the mirror holds. */
export async function bringTopFiles(
  ctx: FlowContext,
  git: Git,
  { commit, remote }: { commit: string; remote: string },
): Promise<void> {
  if (!(await cloneState(git)).partial) return;
  const listed = await git.list(["ls-tree", "-z", "--format=%(objecttype) %(objectname)", commit]);
  const blobs = listed.flatMap((line) => (line.startsWith("blob ") ? [line.slice(5)] : []));
  await bringObjects(ctx, git, blobs, { remote });
}

/** Trees of upstream for prefixes that hold something else now. */
async function upstreamBeside(
  git: Git,
  { commit, manifest, directories }: { commit: string; manifest: Manifest; directories: readonly string[] },
): Promise<string[]> {
  const entries = Object.entries(manifest.prefixes).filter(([prefix]) => isBelow(prefix, directories));
  const current = await treesIn(
    git,
    commit,
    entries.map(([prefix]) => prefix),
  );
  return entries.flatMap(([prefix, { tree }]) => (current.get(prefix) === tree ? [] : [tree]));
}

/** What flow reads of prefixes that no service here needs: who they are, and what they require. */
async function descriptions(git: Git, commit: string, { prefixes }: Manifest): Promise<string[]> {
  const others = Object.entries(prefixes).filter(([, entry]) => !isNpm(entry));
  const paths = others.flatMap(([prefix]) => [`${prefix}/package.json`, `${prefix}/go.mod`]);
  return paths.length === 0 ? [] : await blobsOf(git, commit, paths);
}

/**
 * Makes sure that all files of trees (`HEAD:path`, a commit) are in the clone: git would fetch them one by one.
 * @throws FlowError FLOW_VENDOR_FETCH
 */
export async function bringTrees(ctx: FlowContext, dir: string, trees: readonly string[]): Promise<void> {
  const git = new Git(ctx, dir);
  if (!(await cloneState(git)).partial) return;
  const remotes = (await git.text(["remote"])).split("\n");
  const remote = remotes.includes("origin") ? "origin" : (remotes[0] ?? "origin");
  const blobs = [];
  for (const tree of trees) blobs.push(...(await blobsOf(git, tree)));
  await bringObjects(ctx, git, blobs, { remote });
}

/** References of the releases that a mirror holds, all versions of each: they are parentless commits, one a version. */
export function releaseRefspecs({ manifest }: Pick<Mirror, "manifest">): string[] {
  const releases = Object.entries(manifest.prefixes).filter(([, entry]) => isRelease(entry));
  return releases.map(([prefix]) => upstreamRefspec(prefix));
}

function upstreamRefspec(prefix: string): string {
  const refs = `${upstreamRef(prefix, "")}*`;
  return `+${refs}:${refs}`;
}

/** Fetches the upstream commits of a prefix, all versions of it, into a lean clone; others have them. */
export async function bringUpstream(ctx: FlowContext, mirror: Mirror, prefix: string): Promise<void> {
  const git = new Git(ctx, mirror.dir);
  const { shallow, partial } = await cloneState(git);
  if (mirror.remote === undefined || (!shallow && !partial)) return;
  await git
    .run(
      [
        "fetch",
        "--quiet",
        "--no-tags",
        "--no-prune",
        "--no-write-fetch-head",
        "--",
        mirror.remote,
        upstreamRefspec(prefix),
      ],
      { idleTimeoutMs: networkTimeoutMs(ctx) },
    )
    .catch((error: unknown) => {
      throw outOfReach(error);
    });
}
