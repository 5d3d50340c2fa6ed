import { setTimeout as delay } from "node:timers/promises";

export interface RetryOptions {
  /** Tries in all, default 4. */
  attempts?: number;
  /** Delay before the second try in ms, doubled for each further one, with up to 50 % jitter. Default 200. */
  baseMs?: number;
  /** Upper bound of one delay in ms, default 5,000. */
  maxMs?: number;
  /** Whether this failure is worth another try, default always. */
  retryable?: (error: unknown) => boolean;
  onRetry?: (error: unknown, attempt: number) => void;
  signal?: AbortSignal;
}

/** Runs `work` until it succeeds, the tries are used up, or a failure is final. Throws the last failure. */
export async function retry<T>(work: (attempt: number) => Promise<T>, options: RetryOptions = {}): Promise<T> {
  const { attempts = 4, baseMs = 200, maxMs = 5_000, retryable = () => true, onRetry, signal } = options;
  for (let attempt = 1; ; attempt++) {
    try {
      return await work(attempt);
    } catch (error) {
      if (attempt >= attempts || signal?.aborted === true || !retryable(error)) throw error;
      onRetry?.(error, attempt);
      const ms = Math.min(maxMs, baseMs * 2 ** (attempt - 1));
      await delay(ms * (1 + Math.random() / 2), undefined, signal === undefined ? {} : { signal });
    }
  }
}

/** Waits until `condition` gives something other than undefined or false; polls every `everyMs` (default 25 ms). Undefined after `timeoutMs`. */
export async function poll<T>(
  condition: () => Promise<T | undefined | false> | T | undefined | false,
  options: { timeoutMs: number; everyMs?: number; signal?: AbortSignal },
): Promise<T | undefined> {
  const { timeoutMs, everyMs = 25, signal } = options;
  const end = performance.now() + timeoutMs;
  for (;;) {
    const value = await condition();
    if (value !== undefined && value !== false) return value;
    if (performance.now() >= end) return undefined;
    await delay(everyMs, undefined, signal === undefined ? {} : { signal });
  }
}
