/**
 * How many requests may be sent a second time: at most one in ten of all, and a few at the start.
 * Where every instance breaks off, repeating everything would only make it worse.
 */
export class RetryBudget {
  static readonly #most = 20;
  #tokens = RetryBudget.#most;

  /** Counts a request. */
  earn(): void {
    this.#tokens = Math.min(RetryBudget.#most, this.#tokens + 0.1);
  }

  /** Takes a repetition out of the budget, if there is one left. */
  spend(): boolean {
    if (this.#tokens < 1) return false;
    this.#tokens--;
    return true;
  }
}
