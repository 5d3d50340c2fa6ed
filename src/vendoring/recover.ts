import { mkdir, readFile, readlink, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { pathBelow, showPath } from "../core/bytes.ts";
import type { FlowContext } from "../core/context.ts";
import { warn } from "../core/events.ts";
import type { Git } from "../core/git/index.ts";
import { findByEnvironment } from "../core/proc.ts";
import { poll } from "../core/retry.ts";
import { finishWidening, isWidening, reapplyCone, writePaths } from "./clone/cone.ts";
import { restore } from "./conflict/restore.ts";
import { endMerge, gitPath, readPending, removePending } from "./conflict/state.ts";
import { checkoutMark, readJournal, removeJournal } from "./journal.ts";
import { changedPaths, type PathState } from "./trees.ts";
import { removeFile, statBelow } from "./work-tree.ts";

export async function needsRecovery(git: Git): Promise<boolean> {
  const stage = (await readPending(git))?.stage;
  return (
    (await readJournal(git)) !== undefined || (await isWidening(git)) || stage === "entering" || stage === "aborting"
  );
}

/**
 * Finishes a publication that was killed: the branch is at the new commit already, the index and the files are partly
 * at the old one. Only paths that the publication changes are touched; what somebody edited there meanwhile is kept
 * aside. The caller holds the mirror's lock.
 */
export async function recover(ctx: FlowContext, git: Git): Promise<void> {
  await recoverPublication(ctx, git);
  if (await isWidening(git)) {
    await removeStaleIndexLock(git);
    await finishWidening(git);
  }
  const pending = await readPending(git);
  if (pending === undefined || pending.stage === "waiting") return;
  await awaitCheckout(ctx, pending.shown);
  await removeStaleIndexLock(git);
  await restore(git, pending);
}

/** git goes on when flow is killed: it may well end what it began. */
async function awaitCheckout(ctx: FlowContext, commit: string): Promise<void> {
  await poll(() => findByEnvironment(checkoutMark, commit).length === 0, { timeoutMs: 120_000, signal: ctx.signal });
}

async function removeStaleIndexLock(git: Git): Promise<void> {
  await rm(await gitPath(git, "index.lock"), { force: true });
}

async function recoverPublication(ctx: FlowContext, git: Git): Promise<void> {
  const journal = await readJournal(git);
  if (journal === undefined) return;
  const { from, to, branch } = journal;
  await awaitCheckout(ctx, to);
  const head = await git.text(["rev-parse", "--verify", "--quiet", branch], { okCodes: [0, 1, 128] });
  if (head === to) {
    await removeStaleIndexLock(git);
    const merged = await git.run(["read-tree", "-i", "-m", from, to], { okCodes: [0, 1, 128] });
    if (merged.exitCode !== 0) await git.run(["read-tree", to]);
    await finishFiles(ctx, git, await changedPaths(git, from, to));
    await reapplyCone(git);
    await git.run(["update-index", "-q", "--refresh"], { okCodes: [0, 1] });
    if ((await readPending(git))?.from === from) {
      await endMerge(git);
      await removePending(git);
    }
  }
  await removeJournal(git);
}

async function finishFiles(ctx: FlowContext, git: Git, paths: Awaited<ReturnType<typeof changedPaths>>): Promise<void> {
  const current = await currentStates(git, [...paths.keys()]);
  const write: string[] = [];
  for (const [path, { before, after }] of paths) {
    const now = current.get(path);
    if (same(now, after)) continue;
    const ours =
      now === undefined ||
      now.mode === gitlink ||
      same(now, before) ||
      (after !== undefined && (await isBeginningOf(git, path, after)));
    if (!ours && after !== undefined) await keepAside(ctx, git, path);
    if (after !== undefined) write.push(path);
    else if (ours) await removeFile(git, path);
  }
  for (const path of write) {
    await removeFile(git, path);
    // A directory that is not empty now holds what somebody put there meanwhile.
    if (statBelow(git.dir, path) !== undefined) await keepAside(ctx, git, path);
  }
  await writePaths(git, write);
}

/** Mode of a submodule, which is a directory in the work tree. */
const gitlink = "160000";

function same(a: PathState | undefined, b: PathState | undefined): boolean {
  if (a?.mode === gitlink) return b?.mode === gitlink;
  return a?.hash === b?.hash && a?.mode === b?.mode;
}

/** What lies in the work tree at these paths, as git would record it; a directory counts as a submodule of any commit. */
async function currentStates(git: Git, paths: readonly string[]): Promise<Map<string, PathState>> {
  const states = new Map<string, PathState>();
  const files: { path: string; mode: string }[] = [];
  const directories = new Map<string, boolean>();
  for (const path of paths) {
    const stat = statBelow(git.dir, path, directories);
    if (stat?.isSymbolicLink() === true) {
      const target = await readlink(pathBelow(git.dir, path), { encoding: "buffer" });
      states.set(path, { mode: "120000", hash: await git.text(["hash-object", "--stdin"], { input: target }) });
    } else if (stat?.isFile() === true) {
      files.push({ path, mode: (stat.mode & 0o100) === 0 ? "100644" : "100755" });
    } else if (stat?.isDirectory() === true) {
      states.set(path, { mode: gitlink, hash: "" });
    }
  }
  if (files.length === 0) return states;
  const hashes = await git.text(["hash-object", "--no-filters", "--stdin-paths"], {
    // One path a line, in quotes where it needs them.
    input: files.map(({ path }) => `${showPath(path)}\n`).join(""),
  });
  for (const [index, hash] of hashes.split("\n").entries()) {
    const { path, mode } = files[index] as (typeof files)[number];
    states.set(path, { mode, hash });
  }
  return states;
}

/** A file that git was writing when it was killed holds the beginning of what it should. */
async function isBeginningOf(git: Git, path: string, { mode, hash }: PathState): Promise<boolean> {
  if (mode !== "100644" && mode !== "100755") return false;
  const [now, whole] = [await readFile(pathBelow(git.dir, path)), await git.bytes(["cat-file", "blob", hash])];
  return whole.subarray(0, now.length).equals(now);
}

async function keepAside(ctx: FlowContext, git: Git, path: string): Promise<void> {
  const kept = join(await gitPath(git, "flow"), "kept", ctx.now().toISOString().replaceAll(":", "-"));
  const place = pathBelow(kept, path);
  await mkdir(pathBelow(kept, dirname(path)), { recursive: true });
  await rename(pathBelow(git.dir, path), place);
  warn(
    ctx,
    `${showPath(path)} was edited while an interrupted command was to be finished: your version is kept at ${showPath(join(kept, path))}`,
  );
}
