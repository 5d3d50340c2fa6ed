import { ConnectionError, ErrorCode, type Connection as Http2 } from "../../../../http2/index.ts";

/** What gRPC servers allow between two pings of a client when they sent neither headers nor data: GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS. */
const allowedMs = 300_000;
/** The same for a connection without calls, and pings too many that are forgiven: GRPC_ARG_HTTP2_MAX_PING_STRIKES. */
const allowedIdleMs = 7_200_000;
const mostStrikes = 2;

/** https://github.com/grpc/proposal/blob/master/A8-client-side-keepalive.md: what a server says to who pings too often. */
export const tooManyPings = "too_many_pings";

export interface KeepaliveOptions {
  /** Ms of silence after which the peer is asked, at the earliest; at the latest after twice that. */
  everyMs: number;
  /** Ms that it has for its answer. */
  timeoutMs: number;
}

/** Asks a silent peer whether it is there, and ends the connection when it does not answer. */
export class Keepalive {
  readonly #http2: Http2;
  readonly #timeoutMs: number;
  readonly #mayAsk: () => boolean;
  readonly #timer: NodeJS.Timeout;
  #waiting: NodeJS.Timeout | undefined;

  /** `mayAsk` is asked before each ping. */
  constructor(http2: Http2, { everyMs, timeoutMs }: KeepaliveOptions, mayAsk: () => boolean = () => true) {
    this.#http2 = http2;
    this.#timeoutMs = timeoutMs;
    this.#mayAsk = mayAsk;
    this.#timer = setInterval(() => this.#look(), everyMs).unref();
  }

  #look(): void {
    const { heard } = this.#http2;
    this.#http2.heard = false;
    if (heard || this.#waiting !== undefined || !this.#mayAsk()) return;
    this.#waiting = setTimeout(() => {
      this.stop();
      this.#http2.close(ErrorCode.NoError, `the peer did not answer within ${this.#timeoutMs} ms (keepalive)`);
    }, this.#timeoutMs).unref();
    this.#http2.ping(() => {
      clearTimeout(this.#waiting);
      this.#waiting = undefined;
    });
  }

  stop(): void {
    clearInterval(this.#timer);
    clearTimeout(this.#waiting);
  }
}

/**
 * Whether a client may ping: while it has calls, and when it heard headers or data since its last ping or that was
 * five minutes ago. No server that keeps gRPC's rules minds, so that nobody has to allow it.
 */
export class PingAllowance {
  #last = -Infinity;
  #answers = -1;

  /** `answers`: a count of header lists and data that came. */
  take(calls: number, answers: number): boolean {
    if (calls === 0) return false;
    const now = performance.now();
    if (answers === this.#answers && now - this.#last < allowedMs) return false;
    this.#last = now;
    this.#answers = answers;
    return true;
  }
}

/** A server's side of the same rules: who pings too often is told so and disconnected. */
export class PingStrikes {
  readonly #allowedMs: number;
  readonly #allowedIdleMs: number;
  #strikes = 0;
  #last = -Infinity;
  #productive = 0;

  /** `ms`: what has to lie between two pings; default gRPC's five minutes, and two hours without calls. */
  constructor(ms?: number) {
    this.#allowedMs = ms ?? allowedMs;
    this.#allowedIdleMs = ms ?? allowedIdleMs;
  }

  /** @throws ConnectionError ENHANCE_YOUR_CALM */
  pinged(http2: Http2): void {
    const now = performance.now();
    const since = now - this.#last;
    this.#last = now;
    if (http2.productive !== this.#productive) {
      this.#productive = http2.productive;
      this.#strikes = 0;
      return;
    }
    const least = http2.streams.size === 0 ? this.#allowedIdleMs : this.#allowedMs;
    if (since < least && ++this.#strikes > mostStrikes)
      throw new ConnectionError(ErrorCode.EnhanceYourCalm, tooManyPings);
  }
}
