import { readlinkSync } from "node:fs";
import { readdir, rm, stat } from "node:fs/promises";
import { join, sep } from "node:path";
import type { FlowContext } from "../context.ts";
import { listProcesses } from "../proc.ts";
import { poll } from "../retry.ts";
import type { Git } from "./git.ts";

const topLocks = ["HEAD.lock", "config.lock", "index.lock", "packed-refs.lock", "shallow.lock"];
/** How long a git that still works there is waited for, in ms. */
const patienceMs = 10_000;
/** Where nobody can be asked who works there, a lock of this age in ms is nobody's: git holds them for moments. */
const abandonedMs = 60_000;

/**
 * Takes away lock files that a killed git left in the repository. git never does: it would refuse every later command.
 * While some git works there they stay.
 */
export async function removeStaleLocks(ctx: FlowContext, git: Git): Promise<void> {
  const gitDir = await git.text(["rev-parse", "--path-format=absolute", "--git-common-dir"]);
  const locks = await findLocks(gitDir);
  if (locks.length === 0) return;
  const isAtRest = async () => !(await isInUse(locks, [gitDir, git.dir]));
  if ((await poll(isAtRest, { timeoutMs: patienceMs, everyMs: 50, signal: ctx.signal })) !== true) return;
  for (const lock of locks) await rm(lock, { force: true });
}

async function findLocks(gitDir: string): Promise<string[]> {
  const [top, refs] = await Promise.all([
    readdir(gitDir),
    readdir(join(gitDir, "refs"), { recursive: true }).catch(() => []),
  ]);
  return [
    ...top.filter((name) => topLocks.includes(name)),
    ...refs.filter((name) => name.endsWith(".lock")).map((name) => join("refs", name)),
  ].map((name) => join(gitDir, name));
}

async function isInUse(locks: readonly string[], directories: readonly string[]): Promise<boolean> {
  if (process.platform === "linux") {
    return listProcesses().some(({ pid, name }) => name.startsWith("git") && worksIn(pid, directories));
  }
  const times = await Promise.all(locks.map(async (lock) => (await stat(lock).catch(() => undefined))?.mtimeMs ?? 0));
  return times.some((time) => Date.now() - time < abandonedMs);
}

function worksIn(pid: number, directories: readonly string[]): boolean {
  try {
    const cwd = readlinkSync(`/proc/${pid}/cwd`);
    return directories.some((directory) => cwd === directory || cwd.startsWith(directory + sep));
  } catch {
    return false;
  }
}
