import { showPath } from "../core/bytes.ts";
import { FlowError, isFlowError } from "../core/errors.ts";
import type { Git } from "../core/git/index.ts";
import { keepBytes } from "./bytes.ts";
import { writePaths } from "./clone/cone.ts";
import { checkoutMark, type Journal, removeJournal, writeJournal } from "./journal.ts";
import { committedManifest } from "./manifest.ts";
import { changedPaths } from "./trees.ts";
import { removeFile, statBelow } from "./work-tree.ts";

/**
 * Moves the branch from `from` to `to` by one compare-and-swap, and of the work tree exactly what differs. Local changes
 * that are not in the way stay. A crash leaves the old or the new commit; the next start finishes the work tree.
 * @throws FlowError FLOW_VENDOR_DIRTY naming local changes that are in the way; nothing was changed
 */
export async function publish(git: Git, { from, to }: { from: string; to: string }): Promise<void> {
  if (from === to) return;
  const branch = await git.text(["symbolic-ref", "-q", "HEAD"], { okCodes: [0, 1] });
  if (branch === "") {
    throw new FlowError("FLOW_VENDOR_DIRTY", `the mirror ${git.dir} is on no branch`, {
      hint: "git checkout main, then run the command again",
    });
  }
  await keepBytes(git, await committedManifest(git, to));
  await refuseIfInTheWay(git, from, to);
  await writeJournal(git, { from, to, branch });
  try {
    await git.run(["update-ref", "-m", "flow vendor", branch, to, from]);
  } catch (error) {
    await removeJournal(git);
    if (!isFlowError(error)) throw error;
    throw new FlowError("FLOW_VENDOR_DIRTY", "the mirror's branch moved meanwhile", {
      cause: error.cause,
      hint: "run the command again",
    });
  }
  try {
    // The mark lets a recovery see that this very process still runs although flow was killed.
    await git.run(["read-tree", "-m", "-u", from, to], { env: { [checkoutMark]: to } });
  } catch (error) {
    // Interrupted: the journal stays, and the next start goes on from there.
    if (isFlowError(error, "FLOW_CANCELLED")) throw error;
    await takeBack(git, { from, to, branch });
    throw error;
  }
  await removeJournal(git);
}

/**
 * Undoes a checkout that failed, on a full disk say: what it wrote goes first, which makes the room that the rest needs.
 * The index is as before, git replaces it at the end. Until the branch is back, a crash leads forward.
 */
async function takeBack(git: Git, { from, to, branch }: Journal): Promise<void> {
  const paths = [...(await changedPaths(git, from, to))];
  for (const [path, { before }] of paths) if (before === undefined) await removeFile(git, path);
  const back = paths.filter(([, { before }]) => before !== undefined).map(([path]) => path);
  await writePaths(git, back);
  await git.run(["update-ref", "-m", "flow vendor: take back", branch, from, to]);
  await git.run(["update-index", "-q", "--refresh"], { okCodes: [0, 1] });
  await removeJournal(git);
}

/** @throws FlowError FLOW_VENDOR_DIRTY naming local changes that moving from one commit to another would overwrite */
export async function refuseIfInTheWay(git: Git, from: string, to: string): Promise<void> {
  await git.run(["update-index", "-q", "--refresh"], { okCodes: [0, 1] });
  const names = await inTheWay(git, from, to);
  const dry = await git.run(["read-tree", "-m", "-u", "-n", from, to], { okCodes: [0, 1, 128] });
  if (names.length === 0 && dry.exitCode === 0) return;
  const few = names.slice(0, 10).map(showPath);
  const shown = names.length > 10 ? [...few, `and ${names.length - 10} more`] : few;
  const what = shown.length > 0 ? `:\n${shown.map((name) => `  ${name}`).join("\n")}` : "";
  throw new FlowError("FLOW_VENDOR_DIRTY", `changes in ${git.dir} that are not committed are in the way${what}`, {
    ...(dry.exitCode === 0 ? {} : { cause: dry.stderr.trim() }),
    hint: "nothing was changed. Commit them (they become a patch) or put them away, and run the command again",
    details: { files: names },
  });
}

/**
 * Paths that the publication changes and that somebody else changed here: git itself names only the first of them, and
 * takes untracked files for worthless when some `.gitignore` names them.
 */
async function inTheWay(git: Git, from: string, to: string): Promise<string[]> {
  const moving = await changedPaths(git, from, to);
  const local = await git.list(["diff-index", "-z", "--name-only", "--no-renames", from]);
  const edited = local.filter((path) => moving.has(path));
  const untracked: string[] = [];
  const directories = new Map<string, boolean>();
  for (const [path, { before }] of moving) {
    const stat = before === undefined ? statBelow(git.dir, path, directories) : undefined;
    // A directory that gives way to a file or a link goes with its tracked files; others in it would be lost.
    if (stat?.isDirectory() === true) untracked.push(...(await untrackedBelow(git, path)));
    else if (stat !== undefined) untracked.push(path);
  }
  return [...new Set([...edited, ...untracked])].sort();
}

async function untrackedBelow(git: Git, path: string): Promise<string[]> {
  // An argument is text: what cannot be said in it is looked for among all.
  const where = path.isWellFormed() ? [`:(literal)${path}`] : [];
  return (await git.list(["ls-files", "-z", "--others", "--", ...where])).filter((name) => name.startsWith(`${path}/`));
}
