import { statfs } from "node:fs/promises";
import { join } from "node:path";
import { diskFull } from "./disk-full.ts";
import { removeTree } from "../core/files.ts";
import type { Git } from "../core/git/index.ts";

/** Writes committed trees below `directory`, through an index of its own, so that no work tree is touched. */
export async function exportTrees(
  git: Git,
  trees: readonly { tree: string; /** Path below `directory`; empty for itself. */ place: string }[],
  directory: string,
): Promise<void> {
  const index = join(directory, ".flow-index");
  const env = { GIT_INDEX_FILE: index };
  try {
    for (const { tree, place } of trees) {
      const prefix = place === "" ? [] : [`--prefix=${place}/`];
      await git.run(["read-tree", "-i", ...(place === "" ? ["-m"] : []), ...prefix, tree], { env });
    }
    await git.run(["checkout-index", "--all", "--force", `--prefix=${directory}/`], { env });
  } catch (error) {
    throw (await hasSpace(directory)) ? error : diskFull(error);
  } finally {
    await removeTree(index);
  }
}

/** git says of a file that it could not write it, and not why. */
async function hasSpace(directory: string): Promise<boolean> {
  const { bavail, bsize, ffree } = await statfs(directory);
  return bavail * bsize > 1_000_000 && ffree > 0;
}
