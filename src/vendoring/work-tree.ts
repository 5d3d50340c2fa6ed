import { existsSync } from "node:fs";
import { rm, rmdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Git } from "../core/git/index.ts";

/** Removes a file of the work tree, and the directories that it leaves empty. */
export async function removeFile(git: Git, path: string): Promise<void> {
  await rm(join(git.dir, path), { force: true });
  for (let dir = dirname(path); dir !== "." && existsSync(join(git.dir, dir)); dir = dirname(dir)) {
    const emptied = await rmdir(join(git.dir, dir)).then(
      () => true,
      () => false,
    );
    if (!emptied) return;
  }
}
