import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import lockfile from "proper-lockfile";
import type { FlowContext } from "./context.ts";
import { FlowError, systemCode } from "./errors.ts";
import { info } from "./events.ts";
import { identify, isRunning, type ProcessIdentity } from "./proc.ts";
import { poll } from "./retry.ts";

export interface LockOptions {
  /** What the holder does, named to those who wait: "adding packages to the mirror". */
  purpose: string;
  /** How long to wait for the holder in ms, default 10 minutes. 0 fails at once. */
  waitMs?: number;
}

interface Holder extends ProcessIdentity {
  purpose: string;
}

/**
 * Runs `work` while holding the lock file `path`. Waiters are told who holds it; a lock whose holder
 * no longer runs heals at once.
 * @throws FlowError FLOW_LOCKED naming the holder's PID, when it is not free within `waitMs`
 */
export async function withLock<T>(
  ctx: FlowContext,
  path: string,
  options: LockOptions,
  work: () => Promise<T>,
): Promise<T> {
  const release = await acquire(ctx, path, options);
  try {
    return await work();
  } finally {
    await release();
  }
}

async function acquire(
  ctx: FlowContext,
  path: string,
  { purpose, waitMs = 600_000 }: LockOptions,
): Promise<() => Promise<void>> {
  await mkdir(dirname(path), { recursive: true });
  const holderFile = `${path}.holder`;
  let told = false;
  const release = await poll(
    async () => {
      ctx.signal.throwIfAborted();
      const release = await tryLock(path);
      if (release !== undefined) return release;
      const holder = await readHolder(holderFile);
      if (holder !== undefined && !isRunning(holder)) await heal(path, holderFile);
      else if (holder !== undefined && !told && waitMs > 0) {
        told = true;
        info(ctx, `waiting for process ${holder.pid}, which is ${holder.purpose}`);
      }
      return undefined;
    },
    { timeoutMs: waitMs, everyMs: 50, signal: ctx.signal },
  );
  if (release === undefined) {
    const holder = await readHolder(holderFile);
    const who = holder === undefined ? "another process" : `process ${holder.pid} (${holder.purpose})`;
    throw new FlowError("FLOW_LOCKED", `${who} holds ${path}`, {
      hint: "wait for it to end, or stop it, and run the command again",
    });
  }
  const me = identify(process.pid) ?? { pid: process.pid, startTime: "" };
  await writeFile(holderFile, JSON.stringify({ ...me, purpose } satisfies Holder));
  return async () => {
    await rm(holderFile, { force: true });
    await release().catch(() => {});
  };
}

async function tryLock(path: string): Promise<(() => Promise<void>) | undefined> {
  try {
    // A holder renews its lock every few seconds; one that could not for a minute (and left no holder file) is gone.
    return await lockfile.lock(path, {
      realpath: false,
      stale: 60_000,
      update: 5_000,
      lockfilePath: path,
      onCompromised: () => {},
    });
  } catch (error) {
    if (systemCode(error) === "ELOCKED") return undefined;
    throw error;
  }
}

/** Takes away the lock of a dead holder; one healer at a time, so that a new holder's lock is never removed. */
async function heal(path: string, holderFile: string): Promise<void> {
  const guard = `${path}.healing`;
  const release = await lockfile
    .lock(guard, { realpath: false, stale: 5_000, lockfilePath: guard })
    .catch(() => undefined);
  if (release === undefined) return;
  try {
    const holder = await readHolder(holderFile);
    if (holder === undefined || isRunning(holder)) return;
    await rm(holderFile, { force: true });
    await rm(path, { recursive: true, force: true });
  } finally {
    await release().catch(() => {});
  }
}

async function readHolder(path: string): Promise<Holder | undefined> {
  try {
    const value = JSON.parse(await readFile(path, "utf8")) as Partial<Holder>;
    if (typeof value.pid !== "number" || typeof value.startTime !== "string") return undefined;
    return { pid: value.pid, startTime: value.startTime, purpose: value.purpose ?? "busy" };
  } catch {
    return undefined;
  }
}
