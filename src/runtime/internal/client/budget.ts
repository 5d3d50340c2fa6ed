/** Keeps retries to a tenth of the calls, so that they never make an overload worse. */
export class RetryBudget {
  #tokens = 10;

  /** A call was made for the first time. */
  deposit(): void {
    this.#tokens = Math.min(100, this.#tokens + 0.1);
  }

  /** Whether one more try is allowed; takes it. */
  withdraw(): boolean {
    if (this.#tokens < 1) return false;
    this.#tokens--;
    return true;
  }
}
