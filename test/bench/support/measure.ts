import { performance } from "node:perf_hooks";

/** One thing to measure. `run` resolves when what is timed is over; what is before and after it is off the clock. */
export interface Case {
  name: string;
  prepare?(): Promise<void>;
  run(): Promise<void>;
  finish?(): Promise<void>;
}

export interface Sample {
  name: string;
  /** Milliseconds, in the order of the rounds. */
  times: number[];
}

/**
 * Runs every case once per round, in an order that rotates, so that whatever else the machine does hits all of them
 * alike. The first `warmUp` rounds are not counted.
 */
export async function interleave(
  cases: readonly Case[],
  { rounds, warmUp = 0 }: { rounds: number; warmUp?: number },
): Promise<Sample[]> {
  const samples = cases.map(({ name }): Sample => ({ name, times: [] }));
  for (let round = 0; round < rounds + warmUp; round++) {
    for (let turn = 0; turn < cases.length; turn++) {
      const index = (turn + round) % cases.length;
      const { prepare, run, finish } = cases[index] as Case;
      await prepare?.();
      const begin = performance.now();
      await run();
      const time = performance.now() - begin;
      await finish?.();
      if (round >= warmUp) samples[index]?.times.push(time);
    }
  }
  return samples;
}

export function median(times: readonly number[]): number {
  const sorted = [...times].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? upper) + upper) / 2;
}
