import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rename, rm, rmdir } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { FlowContext } from "../../core/context.ts";
import { FlowError } from "../../core/errors.ts";
import { removeTree, writeAtomic } from "../../core/files.ts";
import { Git, removeStaleLocks } from "../../core/git/index.ts";
import { formatJson } from "../../core/json.ts";

/** What an unfinished clone is of. For another wish than this one it is worthless. */
export interface CloneWish {
  url: string;
  isLean: boolean;
}

/** Where a clone of `target` grows. */
export function stagingOf(target: string): string {
  return join(dirname(target), `.${basename(target)}.cloning`);
}

const noteOf = (dir: string) => join(dir, ".git", "flow", "cloning.json");

/** The repository that a clone grows in: the one in which an earlier run was cut off (`resumed`), or a new one. */
export async function openStaging(
  ctx: FlowContext,
  target: string,
  wish: CloneWish,
): Promise<{ git: Git; resumed: boolean }> {
  const dir = stagingOf(target);
  const git = new Git(ctx, dir);
  if ((await readFile(noteOf(dir), "utf8").catch(() => undefined)) === formatJson(wish)) {
    await removeStaleLocks(ctx, git);
    const packs = join(dir, ".git", "objects", "pack");
    for (const name of await readdir(packs)) if (name.startsWith("tmp_")) await rm(join(packs, name), { force: true });
    return { git, resumed: true };
  }
  await removeTree(dir);
  await mkdir(dir, { recursive: true });
  await git.run(["init", "--quiet", "--initial-branch=main"]);
  await git.run(["remote", "add", "origin", wish.url]);
  return { git, resumed: false };
}

/** From now on the next run goes on with this clone: its remote has answered. */
export async function keepStaging(dir: string, wish: CloneWish): Promise<void> {
  await writeAtomic(noteOf(dir), formatJson(wish));
}

/** Whether the next run goes on with a clone. */
export function isKept(dir: string): boolean {
  return existsSync(noteOf(dir));
}

/** The clone is whole: it takes its place. @throws FlowError FLOW_DIRECTORY_NOT_EMPTY when something else has it */
export async function placeStaging(dir: string, target: string): Promise<void> {
  if (existsSync(target)) {
    // rmdir refuses a directory that is not empty, and that is the test.
    await rmdir(target).catch(() => {
      throw new FlowError("FLOW_DIRECTORY_NOT_EMPTY", `${target} is not empty and no mirror`, {
        hint: "move it away, and run the command again",
      });
    });
  }
  await removeTree(noteOf(dir));
  await rename(dir, target);
}
