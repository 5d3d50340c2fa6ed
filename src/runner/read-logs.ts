import { watch, type FSWatcher } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { LogMerge, type LogSelection } from "./log-merge.ts";
import type { LogLine } from "./types.ts";

export interface LogFilter extends LogSelection {
  grep?: RegExp;
  /** The last so many lines, after the other filters. */
  tail?: number;
}

export interface FollowOptions extends LogFilter {
  /** Resolves when nothing more will be written: what is there is given out, and the iteration ends. */
  ended?: Promise<unknown>;
  signal?: AbortSignal;
  /** Told how many lines were rotated away before they could be given out, when there were any. */
  onMissed?: (lines: number) => void;
}

/** How often it is looked whether something was written, where the system does not say so. */
const lookMs = 250;
/** So many lines at one look, and the next look comes at once. */
const busyLines = 500;
/** How long lines that just came are kept back, so that an older one of another file can come first. */
const settleMs = 10;

/** Log lines on disk in their order; works whether or not a run goes on. */
export function* readLogs(directory: string, filter: LogFilter): Generator<LogLine, void, undefined> {
  const merge = new LogMerge(directory, filter);
  try {
    yield* lastOf(matching(merge.take(), filter), filter.tail);
  } finally {
    merge.close();
  }
}

/**
 * Log lines on disk, and then those that come. The files are followed, not the supervisor: a slow reader holds up
 * nobody, loses nothing that is not rotated away, and needs no run to go on.
 */
export async function* followLogs(directory: string, options: FollowOptions): AsyncGenerator<LogLine, void, undefined> {
  const { ended, signal, tail, onMissed } = options;
  const merge = new LogMerge(directory, options);
  const change = watchDirectory(directory);
  let isEnded = false;
  void ended?.then(() => {
    isEnded = true;
    change.wake();
  });
  const stop = () => change.wake();
  const isStopped = () => signal?.aborted === true;
  signal?.addEventListener("abort", stop, { once: true });
  try {
    if (tail !== undefined) yield* lastOf(matching(merge.take(), options), tail);
    for (let limit = merge.newest; !isStopped();) {
      const changed = change.next();
      const isLast = isEnded;
      // Whatever is as old as what an earlier look has seen was written before this look began.
      let given = 0;
      for (const line of matching(merge.take(isLast ? undefined : (limit ?? earliest)), options)) {
        given++;
        yield line;
      }
      if (merge.missed > 0) onMissed?.(merge.missed);
      if (isLast) return;
      const isQuiet = limit === merge.newest;
      limit = merge.newest;
      if (isQuiet) await Promise.race([changed, delay(lookMs)]);
      else if (given < busyLines) await delay(settleMs);
    }
  } finally {
    signal?.removeEventListener("abort", stop);
    change.close();
    merge.close();
  }
}

const earliest: LogLine = { time: "", service: "", seq: 0, number: 0, line: "" };

function* matching(lines: Iterable<LogLine>, { grep }: LogFilter): Generator<LogLine, void, undefined> {
  for (const line of lines) if (grep === undefined || grep.test(line.line)) yield line;
}

function* lastOf(lines: Iterable<LogLine>, count: number | undefined): Generator<LogLine, void, undefined> {
  if (count === undefined) return yield* lines;
  const kept: LogLine[] = [];
  for (const line of lines) {
    kept.push(line);
    // Cut now and then: cutting at each line would cost more than reading it.
    if (kept.length > 2 * count + 1_000) kept.splice(0, kept.length - count);
  }
  if (count > 0) yield* kept.slice(-count);
}

function watchDirectory(directory: string) {
  let pending = Promise.withResolvers<void>();
  const wake = () => {
    pending.resolve();
    pending = Promise.withResolvers();
  };
  let watcher: FSWatcher | undefined;
  try {
    watcher = watch(directory, { persistent: false }, wake).on("error", () => {});
  } catch {
    // Nothing was ever written there, or the system has no watches left: it is looked regularly.
  }
  return { next: () => pending.promise, wake, close: () => watcher?.close() };
}
