import { setTimeout as delay } from "node:timers/promises";

export interface Answer<T> {
  value: T;
  /** X-Consul-Index */
  index: number;
}

interface WatchOptions<T> {
  ask: (blocking: { index?: string; wait?: string; timeout?: number }, signal: AbortSignal) => Promise<Answer<T>>;
  signal: AbortSignal;
  onChange: (value: T) => void;
  onError?: (error: unknown) => void;
}

const waitSeconds = 300;
/** Consul adds up to a sixteenth to the wait; only later than that a silent connection is dead. */
const clientTimeoutMs = waitSeconds * 1_000 * (1 + 1 / 16) + 10_000;
const longestBackoffMs = 10_000;
/** Answers that may follow one another at once; beyond that a busy index is polled. */
const burst = 2;
const refillMs = 500;

/**
 * Follows a blocking query for as long as the signal is not aborted
 * (https://developer.hashicorp.com/consul/api-docs/features/blocking): the index is at least 1, goes back to the
 * beginning when it falls, failures back off with jitter, and a query that answers all the time is slowed down.
 */
export function watch<T>(options: WatchOptions<T>): void {
  void follow(options).catch((error: unknown) => {
    if (!options.signal.aborted) throw error;
  });
}

async function follow<T>({ ask, signal, onChange, onError }: WatchOptions<T>): Promise<void> {
  let index = 0;
  let last: string | undefined;
  let failures = 0;
  let tokens = burst;
  let refilled = performance.now();
  while (!signal.aborted) {
    try {
      const blocking =
        index === 0 ? {} : { index: String(index), wait: `${waitSeconds}s`, timeout: Math.ceil(clientTimeoutMs) };
      const answer = await ask(blocking, signal);
      if (signal.aborted) return;
      failures = 0;
      index = answer.index < index ? 0 : Math.max(1, answer.index);
      const text = JSON.stringify(answer.value);
      if (text !== last) {
        last = text;
        onChange(answer.value);
      }
    } catch (error) {
      if (signal.aborted) return;
      onError?.(error);
      index = 0;
      const backoff = Math.min(longestBackoffMs, 100 * 2 ** failures++);
      await delay(backoff * (0.5 + Math.random() / 2), undefined, { signal, ref: false });
      continue;
    }
    const now = performance.now();
    tokens = Math.min(burst, tokens + (now - refilled) / refillMs) - 1;
    refilled = now;
    if (tokens < 0) await delay(refillMs * -tokens, undefined, { signal, ref: false });
  }
}
