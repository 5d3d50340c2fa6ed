import { copyFile, readFile, rename, rm } from "node:fs/promises";
import { pathBelow } from "../../core/bytes.ts";
import type { FlowContext } from "../../core/context.ts";
import { FlowError } from "../../core/errors.ts";
import { Git } from "../../core/git/index.ts";
import { commitImport } from "../import.ts";
import { removeJournal, writeJournal } from "../journal.ts";
import type { ConflictFile, MergedTree } from "../merge.ts";
import { locateMirror, withMirrorLock } from "../mirror.ts";
import type { Change } from "../types.ts";
import { noConflict, refuseMovedHead } from "./abort.ts";
import { endMerge, gitPath, listFiles, pendingConflict, removePending, type PendingConflict } from "./state.ts";

export interface ContinueResult {
  updated: Change[];
  removed: string[];
  head: string;
}

/**
 * Finishes an update that stopped at a conflict, with what the person made of the files: staged, or edited until no
 * marker of git's is left.
 * @throws FlowError FLOW_VENDOR_NO_CONFLICT when none waits, FLOW_VENDOR_CONFLICT naming the files that are not resolved
 */
export async function continueUpdate(
  ctx: FlowContext,
  dir: string,
  { dryRun = false }: { dryRun?: boolean } = {},
): Promise<ContinueResult> {
  const git = new Git(ctx, await locateMirror(ctx, dir));
  return await withMirrorLock(ctx, git.dir, "finishing an update", async () => {
    const pending = await pendingConflict(git);
    if (pending === undefined) throw noConflict();
    await refuseMovedHead(git, pending);
    const index = `${await gitPath(git, "index")}.flow`;
    try {
      await copyFile(await gitPath(git, "index"), index);
      await stageResolved(git, pending, index);
      const trees = await resolvedTrees(git, pending, index);
      const { head, changes } = await commitImport(git, { prepared: pending.prepared, trees });
      const result = { updated: changes, removed: [...pending.prepared.remove] };
      if (dryRun) return { ...result, head: pending.from };
      await publishResolved(git, pending, { head, index });
      return { ...result, head };
    } finally {
      await rm(index, { force: true });
    }
  });
}

/** Takes the files of the conflict into a copy of the index. */
async function stageResolved(git: Git, { files }: PendingConflict, index: string): Promise<void> {
  const env = { GIT_INDEX_FILE: index };
  const stages = new Map<string, number[]>();
  for (const record of await git.list(["ls-files", "-u", "-z"], { env })) {
    const [info = "", path = ""] = [record.slice(0, record.indexOf("\t")), record.slice(record.indexOf("\t") + 1)];
    stages.set(path, [...(stages.get(path) ?? []), Number(info.split(" ")[2])]);
  }
  const open: ConflictFile[] = [];
  for (const [path, there] of stages) {
    if (!(await isResolved(pathBelow(git.dir, path), there))) {
      open.push(files.find((file) => file.path === path) ?? { path, kind: "contents" });
    }
  }
  if (open.length > 0) {
    throw new FlowError("FLOW_VENDOR_CONFLICT", `not resolved yet:\n${listFiles(open)}`, {
      hint: "edit them until no <<<<<<< or >>>>>>> is left; git add FILE keeps a file as it is, git rm FILE drops it",
      details: { files: open },
    });
  }
  const input = [...stages.keys()].map((path) => `${path}\0`).join("");
  await git.run(["update-index", "--add", "--remove", "-z", "--stdin"], { env, input });
}

/** Only a text that both sides changed says by itself, by its markers, whether it is resolved. */
async function isResolved(path: string | Buffer, stages: readonly number[]): Promise<boolean> {
  if (!stages.includes(2) || !stages.includes(3)) return false;
  const content = await readFile(path).catch(() => undefined);
  return content !== undefined && !content.includes(0) && !/^(<{7}|>{7})( |$)/m.test(content.toString("latin1"));
}

async function resolvedTrees(
  git: Git,
  { prepared, trees, files }: PendingConflict,
  index: string,
): Promise<Map<string, Pick<MergedTree, "tree" | "patched">>> {
  const result = new Map(Object.entries(trees));
  for (const { incoming, upstream } of prepared.squashed) {
    const { prefix } = incoming;
    if (!files.some(({ path }) => path.startsWith(`${prefix}/`))) continue;
    const written = await git.run(["write-tree", `--prefix=${prefix}/`], {
      env: { GIT_INDEX_FILE: index },
      okCodes: [0, 128],
    });
    if (written.exitCode !== 0) {
      throw new FlowError("FLOW_VENDOR_CONFLICT", `nothing would be left of ${prefix}`, {
        hint: `flow vendor abort, then flow vendor remove ${prefix}`,
        cause: written.stderr.trim(),
      });
    }
    const tree = written.stdout.trim();
    result.set(prefix, { tree, patched: tree !== upstream.tree });
  }
  return result;
}

/** The work tree is there already: the branch and the index follow. A crash leaves the conflict, or the new commit. */
async function publishResolved(
  git: Git,
  { from }: PendingConflict,
  { head, index }: { head: string; index: string },
): Promise<void> {
  const branch = await git.text(["symbolic-ref", "HEAD"]);
  await writeJournal(git, { from, to: head, branch });
  await git.run(["update-ref", "-m", "flow vendor continue", branch, head, from]);
  await endMerge(git);
  await rename(index, await gitPath(git, "index"));
  await removePending(git);
  await removeJournal(git);
}
