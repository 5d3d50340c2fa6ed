import { lstatSync, type Stats } from "node:fs";
import { rm, rmdir } from "node:fs/promises";
import { dirname } from "node:path";
import { pathBelow } from "../core/bytes.ts";
import type { Git } from "../core/git/index.ts";

/**
 * What lies at a path of the work tree; undefined when nothing does, and when a link is on the way to it: what that
 * leads to is no part of the work tree.
 * @param known whether paths are directories, filled on the way, for many questions at one moment
 */
export function statBelow(dir: string, path: string, known = new Map<string, boolean>()): Stats | undefined {
  for (let end = path.indexOf("/"); end > 0; end = path.indexOf("/", end + 1)) {
    const parent = path.slice(0, end);
    let isDirectory = known.get(parent);
    if (isDirectory === undefined) {
      isDirectory = statOf(dir, parent)?.isDirectory() === true;
      known.set(parent, isDirectory);
    }
    if (!isDirectory) return undefined;
  }
  return statOf(dir, path);
}

function statOf(dir: string, path: string): Stats | undefined {
  return lstatSync(pathBelow(dir, path), { throwIfNoEntry: false });
}

/**
 * Removes a file of the work tree, or the empty directory that a submodule is, and the directories that it leaves empty.
 * What lies behind a link, or in a submodule, stays.
 */
export async function removeFile(git: Git, path: string): Promise<void> {
  const stat = statBelow(git.dir, path);
  if (stat?.isDirectory() === true) await isRemoved(git, path);
  else if (stat !== undefined) await rm(pathBelow(git.dir, path), { force: true });
  for (let dir = dirname(path); dir !== "."; dir = dirname(dir)) {
    if (statBelow(git.dir, dir)?.isDirectory() === true && !(await isRemoved(git, dir))) return;
  }
}

async function isRemoved(git: Git, dir: string): Promise<boolean> {
  return await rmdir(pathBelow(git.dir, dir)).then(
    () => true,
    () => false,
  );
}
