import { lookup, type Client } from "./peer.ts";

/** What a client is to do for `ms` milliseconds. */
export type Load =
  /** Calls one after the other, `concurrency` at a time. */
  | { kind: "calls"; concurrency: number; ms: number }
  /** Calls at a rate, whether or not those before were answered; latency counts from when a call was due. */
  | { kind: "paced"; perSecond: number; ms: number }
  /** One stream of messages. */
  | { kind: "stream"; bytes: number; ms: number };

export interface LoadResult {
  /** Calls, or messages of a stream. */
  count: number;
  ms: number;
  cpuMs: number;
  /** Microseconds; 0 for streams. */
  p50: number;
  p99: number;
}

export async function load(client: Client, what: Load): Promise<LoadResult> {
  const latencies: number[] = [];
  const cpu = process.cpuUsage();
  const begin = performance.now();
  const end = begin + what.ms;
  let count = 0;
  if (what.kind === "stream") {
    await client.read(what.bytes, () => ++count % 16 !== 0 || performance.now() < end);
  } else if (what.kind === "paced") await paced(client, { latencies, end, perSecond: what.perSecond });
  else await Promise.all(Array.from({ length: what.concurrency }, () => caller(client, latencies, end)));
  const ms = performance.now() - begin;
  const { user, system } = process.cpuUsage(cpu);
  latencies.sort((a, b) => a - b);
  const at = (part: number) => (latencies[Math.floor(latencies.length * part)] ?? 0) * 1_000;
  return { count: count + latencies.length, ms, cpuMs: (user + system) / 1_000, p50: at(0.5), p99: at(0.99) };
}

async function caller(client: Client, latencies: number[], end: number): Promise<void> {
  for (let now = performance.now(); now < end;) {
    await client.get(lookup);
    const after = performance.now();
    latencies.push(after - now);
    now = after;
  }
}

async function paced(
  client: Client,
  { latencies, end, perSecond }: { latencies: number[]; end: number; perSecond: number },
): Promise<void> {
  const calls: Promise<void>[] = [];
  const gap = 1_000 / perSecond;
  for (let due = performance.now(); due < end;) {
    for (const now = performance.now(); due <= now && due < end; due += gap) {
      const from = due;
      calls.push(client.get(lookup).then(() => void latencies.push(performance.now() - from)));
    }
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  await Promise.all(calls);
}
