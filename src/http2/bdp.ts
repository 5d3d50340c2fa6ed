/**
 * Estimates the bandwidth-delay product: while data comes, one PING is under way, and what arrived until its
 * acknowledgement is a sample. gRPC calls this the BDP estimator.
 */
export class BdpEstimator {
  #sampling = false;
  #bytes = 0;
  #best = 0;
  #sentAt = 0;
  /** Bytes to wait for before the next sample: more each time that there was nothing to learn. */
  #patience: number;
  readonly #most: number;
  /** What windows should be now. */
  window: number;

  constructor(initial: number, most: number) {
    this.window = initial;
    this.#most = Math.max(initial, most);
    this.#patience = initial / 4;
  }

  /** Counts received bytes; true when a PING should be sent now. */
  received(bytes: number): boolean {
    this.#bytes += bytes;
    // Small messages never fill a window: nothing to learn from them.
    if (this.#sampling || this.window >= this.#most || this.#bytes < this.#patience) return false;
    this.#sampling = true;
    this.#bytes = 0;
    this.#sentAt = performance.now();
    return true;
  }

  /** The PING came back; true when {@link window} grew. */
  acknowledged(): boolean {
    this.#sampling = false;
    const rate = this.#bytes / Math.max(0.01, performance.now() - this.#sentAt);
    const sample = this.#bytes;
    this.#bytes = 0;
    // A full window in one round trip: the window is what limits, unless the way has become much slower than it was.
    if (sample < (this.window * 2) / 3 || rate < this.#best / 2) {
      this.#patience = Math.min(this.window * 16, this.#patience * 2);
      return false;
    }
    this.#best = Math.max(this.#best, rate);
    this.window = Math.min(this.#most, sample * 2);
    this.#patience = this.window / 4;
    return true;
  }
}
