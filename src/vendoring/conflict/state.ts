import { existsSync } from "node:fs";
import { copyFile, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { showPath } from "../../core/bytes.ts";
import type { FlowContext } from "../../core/context.ts";
import { FlowError } from "../../core/errors.ts";
import { writeAtomic } from "../../core/files.ts";
import { Git } from "../../core/git/index.ts";
import type { PreparedImport } from "../import.ts";
import type { ConflictFile, MergedTree } from "../merge.ts";
import type { Mirror } from "../types.ts";

/**
 * An update that waits for a person. `entering` and `aborting` are states on the way, which only a killed command leaves
 * behind; both are left by going back to `from`.
 */
export interface PendingConflict {
  stage: "entering" | "waiting" | "aborting";
  /** HEAD before, and until it is resolved. */
  from: string;
  /** Commit that nobody sees: what the work tree shows, with git's markers in the files of the conflict. */
  shown: string;
  files: readonly ConflictFile[];
  prepared: PreparedImport;
  trees: Readonly<Record<string, Pick<MergedTree, "tree" | "patched">>>;
}

/** Keeps every object of a conflict from git's garbage collection. */
const keepRef = "refs/flow/conflict";
const mergeFiles = ["MERGE_HEAD", "MERGE_MSG", "MERGE_MODE", "AUTO_MERGE"];

export async function gitPath(git: Git, name: string): Promise<string> {
  const key = `${git.dir}\0${name}`;
  const path = gitPaths.get(key) ?? (await git.text(["rev-parse", "--path-format=absolute", "--git-path", name]));
  gitPaths.set(key, path);
  return path;
}

/** Where a clone has its own files does not change, and asking git costs a process. */
const gitPaths = new Map<string, string>();

async function stateFile(git: Git): Promise<string> {
  return join(await gitPath(git, "flow"), "conflict.json");
}

export async function readPending(git: Git): Promise<PendingConflict | undefined> {
  const path = await stateFile(git);
  return existsSync(path) ? (JSON.parse(await readFile(path, "utf8")) as PendingConflict) : undefined;
}

export async function writePending(git: Git, pending: PendingConflict): Promise<void> {
  await git.run(["update-ref", keepRef, pending.shown]);
  await writeAtomic(await stateFile(git), JSON.stringify(pending));
}

/** The index as it was before, so that an abort brings back what was staged. */
export async function saveIndex(git: Git): Promise<void> {
  const [index, saved] = [await gitPath(git, "index"), await savedIndex(git)];
  if (existsSync(index)) await copyFile(index, saved);
  else await rm(saved, { force: true });
}

export async function savedIndex(git: Git): Promise<string> {
  return join(await gitPath(git, "flow"), "conflict.index");
}

/** Lets git itself know of the merge, so that `git status` tells of it and `git commit` or `git merge --abort` by hand end it. */
export async function beginMerge(git: Git, { prepared, files }: PendingConflict): Promise<void> {
  const squashes = prepared.squashed
    .filter(({ incoming: { prefix } }) => files.some(({ path }) => path.startsWith(`${prefix}/`)))
    .map(({ squash }) => squash);
  const message = `Merge ${squashes.map((squash) => `commit '${squash}'`).join(", ")}\n`;
  await writeFile(await gitPath(git, "MERGE_MODE"), "no-ff");
  await writeFile(await gitPath(git, "MERGE_MSG"), message);
  await writeFile(await gitPath(git, "MERGE_HEAD"), squashes.map((squash) => `${squash}\n`).join(""));
}

export async function isMerging(git: Git): Promise<boolean> {
  return existsSync(await gitPath(git, "MERGE_HEAD"));
}

export async function endMerge(git: Git): Promise<void> {
  for (const name of mergeFiles) await rm(await gitPath(git, name), { force: true });
}

/** Forgets a conflict that is over. */
export async function removePending(git: Git): Promise<void> {
  await rm(await stateFile(git), { force: true });
  await rm(await savedIndex(git), { force: true });
  await git.run(["update-ref", "-d", keepRef]);
}

/**
 * The conflict that waits; one that somebody ended by hand (`git commit`, `git merge --abort`, `git reset`) is forgotten.
 * The next command takes over what was committed, as it does with `git subtree`.
 */
export async function pendingConflict(git: Git): Promise<PendingConflict | undefined> {
  const pending = await readPending(git);
  if (pending === undefined || pending.stage !== "waiting" || (await isMerging(git))) return pending;
  await removePending(git);
  return undefined;
}

/** @throws FlowError FLOW_VENDOR_CONFLICT while an update waits for a person, FLOW_VENDOR_DIRTY while a merge of git's own does */
export async function refusePending(git: Git): Promise<void> {
  const pending = await pendingConflict(git);
  if (pending !== undefined) {
    throw new FlowError("FLOW_VENDOR_CONFLICT", `an update waits for you to resolve:\n${listFiles(pending.files)}`, {
      hint: "flow vendor continue, when that is done; flow vendor abort takes the update back",
      details: { files: pending.files },
    });
  }
  if (await isMerging(git)) {
    throw new FlowError("FLOW_VENDOR_DIRTY", `a merge is under way in ${git.dir}`, {
      hint: "end it first: git commit, or git merge --abort",
    });
  }
}

export function listFiles(files: readonly ConflictFile[]): string {
  return files.map(({ path, kind }) => `  ${showPath(path)}${kind === "contents" ? "" : ` (${kind})`}`).join("\n");
}

/** Files of the update that waits; undefined when none does. */
export async function waitingConflict(ctx: FlowContext, { dir }: Mirror): Promise<readonly ConflictFile[] | undefined> {
  return (await pendingConflict(new Git(ctx, dir)))?.files;
}
