import { existsSync } from "node:fs";
import { copyFile, rename, rm } from "node:fs/promises";
import type { Git } from "../../core/git/index.ts";
import { writePaths } from "../clone/cone.ts";
import { changedPaths } from "../trees.ts";
import { removeFile } from "../work-tree.ts";
import { endMerge, gitPath, removePending, savedIndex, writePending, type PendingConflict } from "./state.ts";

/** Goes back to where a conflict began: HEAD, index and files. Killed on the way, it can be run again. */
export async function restore(git: Git, pending: PendingConflict): Promise<void> {
  const { from, shown, files } = pending;
  await writePending(git, { ...pending, stage: "aborting" });
  await endMerge(git);
  const [index, saved] = [await gitPath(git, "index"), await savedIndex(git)];
  if (existsSync(saved)) {
    await copyFile(saved, `${index}.flow`);
    await rename(`${index}.flow`, index);
  } else await rm(index, { force: true });
  const paths = await changedPaths(git, from, shown);
  const strange = files.map(({ path }) => path).filter((path) => !paths.has(path));
  const gone = [...paths].filter(([, { before }]) => before === undefined).map(([path]) => path);
  for (const path of [...gone, ...strange]) await removeFile(git, path);
  const back = [...paths].filter(([, { before }]) => before !== undefined).map(([path]) => path);
  for (const path of back) await removeFile(git, path);
  const again = [...back, ...(await inIndex(git, strange))];
  await writePaths(git, again);
  await git.run(["update-index", "-q", "--refresh"], { okCodes: [0, 1] });
  await removePending(git);
}

async function inIndex(git: Git, paths: readonly string[]): Promise<string[]> {
  if (paths.length === 0) return [];
  const wanted = new Set(paths);
  return (await git.list(["ls-files", "-z", "--cached"])).filter((path) => wanted.has(path));
}
