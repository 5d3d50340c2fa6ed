import { existsSync } from "node:fs";
import { link, lstat, mkdir, readdir, readlink, rename, rm, symlink, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { basename, dirname, join, parse, resolve } from "node:path";
import writeFileAtomic from "write-file-atomic";
import { encodeBytes } from "./bytes.ts";
import { FlowError, systemCode } from "./errors.ts";

/** Writes a file by stage-then-rename, making its directory. `mode` applies to new files, default 0o644. */
export async function writeAtomic(path: string, content: string | Uint8Array, mode = 0o644): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFileAtomic(path, typeof content === "string" ? encodeBytes(content) : Buffer.from(content), { mode });
}

/** Like writeAtomic, but leaves a file that already holds `content` untouched. Returns whether it wrote. */
export async function writeIfChanged(path: string, content: string, mode = 0o644): Promise<boolean> {
  const { readFile } = await import("node:fs/promises");
  const old = await readFile(path, "utf8").catch(() => undefined);
  if (old === content) return false;
  await writeAtomic(path, content, mode);
  return true;
}

/**
 * Fills a new directory beside `target` and renames it into place, so that `target` is complete or absent.
 * When `target` exists already it is kept and the staged one is dropped, unless `replace` is set.
 */
export async function stageDirectory(
  target: string,
  fill: (staging: string) => Promise<void>,
  options: { replace?: boolean } = {},
): Promise<void> {
  await mkdir(dirname(target), { recursive: true });
  const staging = join(dirname(target), `.${basename(target)}.${process.pid}-${Date.now().toString(36)}.staging`);
  await mkdir(staging);
  try {
    await fill(staging);
    if (options.replace === true && existsSync(target)) {
      const old = `${staging}.old`;
      await rename(target, old);
      await rename(staging, target);
      await removeTree(old);
    } else {
      await rename(staging, target).catch((error: unknown) => {
        if (!["ENOTEMPTY", "EEXIST"].includes(systemCode(error) ?? "")) throw error;
      });
    }
  } finally {
    if (existsSync(staging)) await removeTree(staging);
  }
}

/** Removes what an earlier, killed `stageDirectory` for `target` left beside it, and files named after its staging. */
export async function sweepStaging(target: string): Promise<void> {
  const prefix = `.${basename(target)}.`;
  for (const name of await readdir(dirname(target)).catch(() => [])) {
    const match = name.startsWith(prefix) && /^(\d+)-[a-z0-9]+\.staging(?:\..+)?$/.exec(name.slice(prefix.length));
    if (!match || isAlive(Number(match[1]))) continue;
    await removeTree(join(dirname(target), name));
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return systemCode(error) === "EPERM";
  }
}

/** The one recursive delete. Refuses roots, the home directory and what contains it. Missing is fine. */
export async function removeTree(path: string): Promise<void> {
  const target = resolve(path);
  const home = resolve(homedir());
  if (target === parse(target).root || home === target || home.startsWith(`${target}/`)) {
    throw new FlowError("FLOW_UNSAFE_PATH", `refusing to delete ${target}`, {
      hint: "this path is a root or holds your home directory",
    });
  }
  await rm(target, { recursive: true, force: true, maxRetries: 3 });
}

/** Makes `link` a symbolic link to `target`, atomically; leaves a right one untouched. Returns whether it changed. */
export async function ensureSymlink(target: string, link: string): Promise<boolean> {
  const current = await readlink(link).catch(() => undefined);
  if (current === target) return false;
  await mkdir(dirname(link), { recursive: true });
  const existing = await lstat(link).catch(() => undefined);
  if (existing !== undefined && !existing.isSymbolicLink()) {
    throw new FlowError("FLOW_UNSAFE_PATH", `${link} exists and is not a symbolic link`, {
      hint: `move it away, then run the command again`,
    });
  }
  const staged = `${link}.${process.pid}.staging`;
  await rm(staged, { force: true });
  await symlink(target, staged);
  await rename(staged, link);
  return true;
}

/** Writes a file only if none exists: whole or not at all. Returns whether it wrote. */
export async function writeNew(path: string, content: string, mode = 0o644): Promise<boolean> {
  await mkdir(dirname(path), { recursive: true });
  await sweepFiles(path);
  const staged = `${path}.${process.pid}.staging`;
  await writeFile(staged, content, { mode });
  try {
    // Unlike rename, link never replaces what is there.
    await link(staged, path);
    return true;
  } catch (error) {
    if (systemCode(error) === "EEXIST") return false;
    throw error;
  } finally {
    await rm(staged, { force: true });
  }
}

/** Removes what a killed {@link writeNew} of `path` left beside it. */
async function sweepFiles(path: string): Promise<void> {
  const prefix = `${basename(path)}.`;
  for (const name of await readdir(dirname(path))) {
    const match = name.startsWith(prefix) && /^(\d+)\.staging$/.exec(name.slice(prefix.length));
    if (match && !isAlive(Number(match[1]))) await rm(join(dirname(path), name), { force: true });
  }
}
