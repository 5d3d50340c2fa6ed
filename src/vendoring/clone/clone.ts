import { statSync } from "node:fs";
import { resolve } from "node:path";
import type { FlowContext } from "../../core/context.ts";
import { FlowError, isFlowError } from "../../core/errors.ts";
import { info } from "../../core/events.ts";
import { removeTree } from "../../core/files.ts";
import { clone, type Git, hasCommits } from "../../core/git/index.ts";
import { networkTimeoutMs } from "../../core/network-timeout.ts";
import { keepBytes } from "../bytes.ts";
import { historyRefspecs } from "../history-objects.ts";
import { committedManifest } from "../manifest.ts";
import { firstCommit, openMirror } from "../mirror.ts";
import { lockPackages } from "../npm/lock.ts";
import type { Held } from "../packages.ts";
import { topFile } from "../trees.ts";
import type { Mirror } from "../types.ts";
import { bringContents, bringTopFiles } from "./bring.ts";
import { setCone } from "./cone.ts";
import { fetchMirrorState, refetchWithFiles, remoteBranch } from "./fetch.ts";
import { isUnadvertised } from "./objects.ts";
import { bringEverything, makeOrdinary } from "./partial.ts";
import { isKept, keepStaging, openStaging, placeStaging, stagingOf } from "./staging.ts";
import { borrow, lend } from "./store.ts";

export interface CloneMirrorOptions {
  dir: string;
  url: string;
  /**
   * Which directories the work tree gets: then the clone is of the newest state, and holds the files of these alone.
   * Default: everything, with all history.
   */
  cone?: (held: Held) => readonly string[];
  /** Directory where clones of one mirror lend objects to each other. Default: none are lent. */
  store?: string;
  onProgress?: (line: string, done?: number, total?: number) => void;
}

/**
 * Clones a mirror. An empty one gets its first commit. `dir` is complete or absent; what arrived before a failure is kept
 * beside it, and the next run goes on with it. A repository on this machine is cloned with all history, by hard links.
 * @throws FlowError FLOW_VENDOR_FETCH when it cannot be had
 */
export async function cloneMirror(ctx: FlowContext, options: CloneMirrorOptions): Promise<Mirror> {
  const target = resolve(ctx.cwd, options.dir);
  const path = resolve(ctx.cwd, options.url);
  const isHere = statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
  const staging = stagingOf(target);
  try {
    const git = isHere
      ? await cloneFromHere(ctx, staging, { ...options, url: path })
      : await cloneFromAfar(ctx, target, options);
    await placeStaging(git.dir, target);
  } catch (error) {
    if (!isKept(staging)) await removeTree(staging);
    throw explain(error, options.url, isKept(staging));
  }
  return await openMirror(ctx, target);
}

function explain(error: unknown, url: string, goesOn: boolean): unknown {
  if (!isFlowError(error) || !["FLOW_GIT_FAILED", "FLOW_TIMEOUT", "FLOW_VENDOR_FETCH"].includes(error.code))
    return error;
  const kept = goesOn ? "; what arrived is kept: run the command again to go on" : "";
  return new FlowError("FLOW_VENDOR_FETCH", `the mirror ${url} could not be cloned`, {
    cause: error.code === "FLOW_TIMEOUT" ? error : error.cause,
    hint: `check its address, the network and your access to it${kept}`,
  });
}

/** A repository in a directory of this machine lends its objects by hard links, which no filter would make faster. */
async function cloneFromHere(ctx: FlowContext, staging: string, options: CloneMirrorOptions): Promise<Git> {
  const { url, cone } = options;
  await removeTree(staging);
  const git = await clone(ctx, { url, dir: staging, checkout: false });
  await git.run(["fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "origin", ...historyRefspecs], {
    idleTimeoutMs: networkTimeoutMs(ctx),
  });
  if (!(await hasCommits(git))) await firstCommit(ctx, git);
  else {
    if (cone !== undefined) info(ctx, `${url} is on this machine: its history comes along, by hard links`);
    await checkOut(ctx, git, { ...options, isLean: false });
  }
  return git;
}

async function cloneFromAfar(ctx: FlowContext, target: string, options: CloneMirrorOptions): Promise<Git> {
  const { url, cone, store, onProgress = () => {} } = options;
  const isLean = cone !== undefined;
  const { git, resumed } = await openStaging(ctx, target, { url, isLean });
  const branch = await remoteBranch(ctx, git, url);
  await keepStaging(git.dir, { url, isLean });
  await git.run(["symbolic-ref", "HEAD", `refs/heads/${branch ?? "main"}`]);
  if (branch === undefined) {
    await firstCommit(ctx, git);
    return git;
  }
  if (store !== undefined && !resumed) await borrow(git, { store, url, whole: !isLean });
  // All of it in one pack is fastest. Where that was cut off once, it comes in pieces, which stay.
  const inPieces = isLean || resumed;
  const report = (line: string) => onProgress(line.trim());
  const wanted = { newest: isLean, blobless: inPieces };
  const { blobless } = await fetchMirrorState(ctx, git, { branch, onProgress: report, ...wanted });
  if (blobless && !isLean) {
    await bringEverything(ctx, git, (done, total) => onProgress("files", done, total));
    await makeOrdinary(git);
  }
  await track(git, branch);
  await checkOut(ctx, git, { ...options, isLean }).catch(async (error: unknown) => {
    if (!isUnadvertised(error) || !blobless) throw error;
    await refetchWithFiles(ctx, git, { branch, onProgress: report });
    await checkOut(ctx, git, { ...options, isLean });
  });
  if (store !== undefined) await lend(ctx, git, { store, url });
  return git;
}

/** The local branch and what it follows, as git-clone(1) leaves them. */
async function track(git: Git, branch: string): Promise<void> {
  await git.run(["update-ref", `refs/heads/${branch}`, `refs/remotes/origin/${branch}`]);
  await git.run(["symbolic-ref", "refs/remotes/origin/HEAD", `refs/remotes/origin/${branch}`]);
  await git.run(["config", `branch.${branch}.remote`, "origin"]);
  await git.run(["config", `branch.${branch}.merge`, `refs/heads/${branch}`]);
}

async function checkOut(
  ctx: FlowContext,
  git: Git,
  { cone, isLean, onProgress = () => {} }: CloneMirrorOptions & { isLean: boolean },
): Promise<void> {
  if (isLean) await bringTopFiles(ctx, git, { commit: "HEAD", remote: "origin" });
  const manifest = await committedManifest(git, "HEAD");
  if (cone !== undefined) {
    const directories = cone({ manifest, lock: lockPackages(await topFile(git, "package-lock.json", "HEAD")) });
    const report = (done: number, total: number) => onProgress("files", done, total);
    if (isLean) await bringContents(ctx, git, { manifest, remote: "origin", directories, onProgress: report });
    await setCone(git, directories);
  }
  await keepBytes(git, manifest);
  // Files are many and small: writing them is what a second processor helps with.
  await git.run(["-c", "checkout.workers=0", "read-tree", "--reset", "-u", "HEAD"]);
}
