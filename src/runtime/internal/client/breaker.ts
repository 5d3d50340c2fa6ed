import { Code } from "../../code.ts";

const failuresToOpen = 5;
const firstPauseMs = 500;
const longestPauseMs = 4_000;

/**
 * Takes an instance out of the rotation for one method while it fails in a row. After a pause one call tries it
 * again; success closes it, so that a recovered instance serves within five seconds. Callers' cancels do not count.
 */
export class Breaker {
  #failures = 0;
  #pauseMs = firstPauseMs;
  #openUntil = 0;
  #probing = false;

  /** Whether a call may use the instance now. A true answer in the half-open state is the one probe. */
  allows(now: number = performance.now()): boolean {
    if (this.#openUntil === 0) return true;
    if (now < this.#openUntil || this.#probing) return false;
    this.#probing = true;
    return true;
  }

  record(code: number, now: number = performance.now()): void {
    const probe = this.#probing;
    this.#probing = false;
    if (code === Code.Cancelled) return;
    // An answer of the application, whatever it says, shows that the instance works.
    if (code !== Code.Unavailable && code !== Code.DeadlineExceeded) {
      this.#failures = 0;
      this.#openUntil = 0;
      this.#pauseMs = firstPauseMs;
      return;
    }
    this.#failures++;
    if (!probe && this.#failures < failuresToOpen) return;
    if (probe) this.#pauseMs = Math.min(longestPauseMs, this.#pauseMs * 2);
    this.#openUntil = now + this.#pauseMs;
  }
}
