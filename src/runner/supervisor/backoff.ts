import type { ProcessPlan } from "../types.ts";

/** Counts crashes in a row and says how long to wait after each: doubled, with jitter, capped. */
export class Backoff {
  readonly #restart: ProcessPlan["restart"];
  #crashes = 0;

  constructor(restart: ProcessPlan["restart"]) {
    this.#restart = restart;
  }

  /** Whether it crashed so often that it counts as crash-looping. */
  get isLooping(): boolean {
    return this.#crashes >= this.#restart.attempts;
  }

  /** Counts a crash after `uptimeMs`; gives the ms to wait before the next start. */
  crashed(uptimeMs: number): number {
    const { backoffMs, maxBackoffMs, stableAfterMs } = this.#restart;
    this.#crashes = uptimeMs >= stableAfterMs ? 1 : this.#crashes + 1;
    return Math.min(maxBackoffMs, backoffMs * 2 ** (this.#crashes - 1) * (0.75 + Math.random() / 2));
  }

  reset(): void {
    this.#crashes = 0;
  }
}
