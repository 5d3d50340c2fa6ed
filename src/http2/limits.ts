/** What one connection may cost. Every default says why, and what others call it. */
export interface Limits {
  /**
   * Streams that the peer may have open, those included whose handler still runs after a reset; default 1,000.
   * SETTINGS_MAX_CONCURRENT_STREAMS. Streams beyond are refused, so that their callers may go elsewhere.
   */
  maxConcurrentStreams: number;
  /** A header list, as RFC 7541 counts it; default 32 KiB, four times what gRPC promises. SETTINGS_MAX_HEADER_LIST_SIZE. */
  maxHeaderListBytes: number;
  /** A header block as it travels; default 64 KiB: a list at its limit, not compressed, fits. */
  maxHeaderBlockBytes: number;
  /** CONTINUATION frames of one block; default 16 (CVE-2024-27316). */
  maxContinuations: number;
  /** Ms in which a begun header block must be complete; default 10,000. */
  headerTimeoutMs: number;
  /** Ms for the preface and first SETTINGS; default 10,000. */
  handshakeTimeoutMs: number;
  /** Tables in either direction; default 4,096, the protocol's own. SETTINGS_HEADER_TABLE_SIZE. */
  headerTableBytes: number;
  /** Largest frame accepted; default 16 KiB. SETTINGS_MAX_FRAME_SIZE. */
  maxFrameBytes: number;
  /** Receive window of a stream when it begins; default 64 KiB. SETTINGS_INITIAL_WINDOW_SIZE. */
  initialWindowBytes: number;
  /** What windows may grow to with the measured bandwidth-delay product; default 4 MiB. */
  maxWindowBytes: number;
  /** Received and not consumed, over all streams; default 64 MiB. The stream that goes beyond is reset. */
  maxUnreadBytes: number;
  /**
   * Server role: answers that wait for windows or the socket, over all streams; default 64 MiB. The stream that goes
   * beyond is reset: a peer that opens no window must not pile up what it asks for (CVE-2019-9517).
   */
  maxPendingBytes: number;
  /** Waiting for the socket beyond what flow control limits; default 1 MiB. Beyond it the peer is not read. */
  maxBacklogBytes: number;
  /** Ms in which a peer that has to take a full backlog must take some of it; default 20,000. */
  stallTimeoutMs: number;
  /** Resets a peer causes, in one burst and per second; streams that end well earn one each. Default 1,000 and 50 (CVE-2023-44487, CVE-2025-8671). */
  resetBurst: number;
  resetsPerSecond: number;
  /** Frames that do no work (PING, SETTINGS, PRIORITY, empty DATA, small WINDOW_UPDATE, unknown), in one burst and per second; default 1,000 and 100 (CVE-2019-9511 … 9518). */
  idleFrameBurst: number;
  idleFramesPerSecond: number;
}

export const defaultLimits: Limits = {
  maxConcurrentStreams: 1_000,
  maxHeaderListBytes: 32_768,
  maxHeaderBlockBytes: 65_536,
  maxContinuations: 16,
  headerTimeoutMs: 10_000,
  handshakeTimeoutMs: 10_000,
  headerTableBytes: 4_096,
  maxFrameBytes: 16_384,
  initialWindowBytes: 65_535,
  maxWindowBytes: 4 * 1024 * 1024,
  maxUnreadBytes: 64 * 1024 * 1024,
  maxPendingBytes: 64 * 1024 * 1024,
  maxBacklogBytes: 1024 * 1024,
  stallTimeoutMs: 20_000,
  resetBurst: 1_000,
  resetsPerSecond: 50,
  idleFrameBurst: 1_000,
  idleFramesPerSecond: 100,
};

/** An allowance that is spent, earned and refilled by time. The clock is read only when it runs out. */
export class Allowance {
  readonly #burst: number;
  readonly #perMs: number;
  #left: number;
  #filled: number = performance.now();

  constructor(burst: number, perSecond: number) {
    this.#burst = burst;
    this.#left = burst;
    this.#perMs = perSecond / 1_000;
  }

  /** False when there is nothing left. */
  spend(): boolean {
    if (this.#left >= 1) {
      this.#left--;
      return true;
    }
    const now = performance.now();
    this.#left = Math.min(this.#burst, this.#left + (now - this.#filled) * this.#perMs);
    this.#filled = now;
    if (this.#left < 1) return false;
    this.#left--;
    return true;
  }

  earn(): void {
    if (this.#left < this.#burst) this.#left++;
  }
}
