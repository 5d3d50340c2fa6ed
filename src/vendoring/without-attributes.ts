import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { removeTree } from "../core/files.ts";
import type { Git, GitResult } from "../core/git/index.ts";

/**
 * git-merge-tree(1) of commits that hold a prefix's tree alone: git would hold the attributes at the top of the mirror, a
 * merge driver say, against paths that are not there.
 */
export async function mergePrefixTrees(git: Git, args: readonly string[]): Promise<GitResult> {
  return await withoutAttributes(git, ["merge-tree", "--write-tree", "-z", ...args]);
}

/** Runs git beside an empty work tree and index, so that no `.gitattributes` has a say. Exit code 1 is an answer. */
export async function withoutAttributes(git: Git, args: readonly string[]): Promise<GitResult> {
  const gitDir = await git.text(["rev-parse", "--absolute-git-dir"]);
  const empty = await mkdtemp(join(tmpdir(), "flow-bare-"));
  try {
    const place = ["-C", empty, `--git-dir=${gitDir}`, `--work-tree=${empty}`];
    return await git.run([...place, ...args], { okCodes: [0, 1], env: { GIT_INDEX_FILE: join(empty, "index") } });
  } finally {
    await removeTree(empty);
  }
}
