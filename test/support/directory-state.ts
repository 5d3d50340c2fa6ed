import { lstat, readdir, readlink } from "node:fs/promises";
import { join, relative } from "node:path";

/** Every entry below `dir` with what a change would change: kind, size, mode, time of change, target. */
export async function directoryState(dir: string, ignore: (path: string) => boolean = () => false): Promise<string[]> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true });
  const lines = await Promise.all(
    entries.map(async (entry) => {
      const path = join(entry.parentPath, entry.name);
      const name = relative(dir, path);
      if (ignore(name)) return undefined;
      if (entry.isSymbolicLink()) return `${name} -> ${await readlink(path)}`;
      const { mtimeMs, size, mode } = await lstat(path);
      // A directory's time changes with staged files that are renamed or removed again.
      return entry.isDirectory() ? `${name}/` : `${name} ${size} ${mode.toString(8)} ${mtimeMs}`;
    }),
  );
  return lines.filter((line) => line !== undefined).sort();
}
