import { existsSync } from "node:fs";
import { mkdir, readdir, readlink, rename, symlink, unlink } from "node:fs/promises";
import { join, relative } from "node:path";
import { removeTree } from "../../core/files.ts";
import type { WorkspacePaths } from "../../core/paths.ts";

function throughCurrent(paths: WorkspacePaths, name: string): string {
  return relative(paths.bin, join(paths.current, "bin", name));
}

/** Makes `bin/<name>` a link through `pkg/current`, whatever file was there. */
export async function linkProgram(paths: WorkspacePaths, name: string): Promise<void> {
  const path = join(paths.bin, name);
  const target = throughCurrent(paths, name);
  if ((await readlink(path).catch(() => undefined)) === target) return;
  await mkdir(paths.bin, { recursive: true });
  const staged = `${path}.${process.pid}.staging`;
  await mkdir(paths.bin, { recursive: true });
  await removeTree(staged);
  await symlink(target, staged);
  await rename(staged, path);
}

/** Links every program of a generation in `bin/`; to be done before it is switched to. */
export async function linkPrograms(paths: WorkspacePaths, { dir }: { dir: string }): Promise<void> {
  for (const name of await readdir(join(dir, "bin"))) await linkProgram(paths, name);
}

/** Removes links in `bin/` to programs that the generation in use does not have. */
export async function dropDeadLinks(paths: WorkspacePaths): Promise<void> {
  for (const name of await readdir(paths.bin).catch(() => [])) {
    const path = join(paths.bin, name);
    const target = await readlink(path).catch(() => undefined);
    if (target === throughCurrent(paths, name) && !existsSync(path)) await unlink(path);
  }
}
