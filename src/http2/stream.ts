import type { Connection } from "./connection.ts";
import { ErrorCode, errorCodeName } from "./constants.ts";
import type { StreamEnd, StreamEvents } from "./events.ts";
import type { HeaderField } from "./hpack/field.ts";
import type { PreparedFields } from "./hpack/encoder.ts";

/** Bytes that wait for a window or the socket. */
interface Waiting {
  bytes: Uint8Array;
  at: number;
}

/** Both sides have said all. */
const well: StreamEnd = { code: ErrorCode.NoError, message: "", remote: false, unprocessed: false };

/** One stream: its state, its windows, and what waits to be sent. A plain object; who uses it hears of it by {@link StreamEvents}. */
export class Stream {
  readonly id: number;
  readonly connection: Connection;
  events: StreamEvents;
  /** We sent END_STREAM or a reset. */
  localClosed = false;
  /** The peer sent END_STREAM or a reset. */
  remoteClosed = false;
  closed = false;
  /** @internal How it ended. */
  end: StreamEnd | undefined;
  /** Server role: the final header list was sent; client role: it came. */
  responded = false;
  /** Free for whoever uses the layer. */
  tag: unknown = undefined;

  /** @internal What may be sent; negative after a smaller SETTINGS_INITIAL_WINDOW_SIZE. */
  sendWindow: number;
  /** @internal What the peer may still send. */
  receiveWindow: number;
  /** @internal Received and not consumed. */
  unread = 0;
  /** @internal Consumed and still in memory. */
  kept = 0;
  /** @internal By content-length; -1 when it is not known. */
  expected = -1;
  /** @internal In the connection's queue of streams that can send. */
  queued = false;
  /** @internal Its handler still counts as running although the stream is closed. */
  held = false;
  #waiting: Waiting[] | undefined;
  #endAfter = false;
  #trailersAfter: readonly HeaderField[] | undefined;

  constructor(connection: Connection, id: number, events: StreamEvents) {
    this.connection = connection;
    this.id = id;
    this.events = events;
    this.sendWindow = connection.peer.initialWindowSize;
    this.receiveWindow = connection.receiving.announced;
  }

  /** Whether DATA waits for a window or the socket. */
  get waiting(): boolean {
    return this.#waiting !== undefined && this.#waiting.length > 0;
  }

  /** Sends a header list: the response's, an informational one, or trailers with `end`. Trailers wait for what was written. */
  sendHeaders(fields: readonly HeaderField[] | PreparedFields, end = false): void {
    if (this.localClosed || this.#endAfter) return;
    if (this.waiting) {
      this.#trailersAfter = "fields" in fields ? fields.fields : fields;
      this.#endAfter = end;
      return;
    }
    this.connection.sender.headers(this.id, fields, { end });
    if (end) this.endLocal();
  }

  /**
   * Sends bytes, after `prefix` if there is one; true when all of them have gone into this turn's write. Otherwise
   * they wait until windows and socket allow, the chunk not copied unless it is a small part of its memory, and
   * `events.writable` says when it is over. Who respects that keeps memory bounded.
   */
  write(bytes: Uint8Array, end = false, prefix?: Uint8Array): boolean {
    if (this.localClosed || this.#endAfter) return true;
    const size = bytes.length + (prefix?.length ?? 0);
    if (!this.waiting && this.connection.sender.canSend(this, size)) {
      this.connection.sender.data(this, { prefix, bytes, start: 0, end: bytes.length, endStream: end });
      if (end) this.endLocal();
      return true;
    }
    this.#waiting ??= [];
    if (prefix !== undefined) this.#waiting.push({ bytes: Buffer.from(prefix), at: 0 });
    // A small part of large memory must not hold all of it.
    const isSmallPart = bytes.length * 8 < bytes.buffer.byteLength;
    this.#waiting.push({ bytes: isSmallPart ? Uint8Array.from(bytes) : bytes, at: 0 });
    this.#endAfter = end;
    this.connection.pending += size;
    this.connection.sender.enqueue(this);
    const { role, pending, limits } = this.connection;
    if (role === "server" && pending > limits.maxPendingBytes)
      this.reset(
        ErrorCode.EnhanceYourCalm,
        `more than ${limits.maxPendingBytes} bytes wait for the peer to take them on this connection`,
      );
    return !this.waiting;
  }

  /** @internal Sends one frame of what waits, at most `most` bytes of it. */
  sendSome(most: number): void {
    const waiting = this.#waiting as Waiting[];
    const head = waiting[0] as Waiting;
    const { bytes, at } = head;
    const size = Math.min(most, bytes.length - at);
    head.at += size;
    const last = head.at === bytes.length;
    if (last) waiting.shift();
    const over = waiting.length === 0;
    const endStream = over && this.#endAfter && this.#trailersAfter === undefined;
    this.connection.pending -= size;
    this.connection.sender.data(this, { prefix: undefined, bytes, start: at, end: at + size, endStream });
    if (over) this.#sentAll(endStream);
  }

  #sentAll(ended: boolean): void {
    if (ended) this.endLocal();
    else if (this.#trailersAfter !== undefined) {
      const fields = this.#trailersAfter;
      const end = this.#endAfter;
      this.#trailersAfter = undefined;
      this.#endAfter = false;
      this.sendHeaders(fields, end);
    }
    this.events.writable();
  }

  /** Gives back the window of bytes that were received. */
  consume(bytes: number): void {
    this.unread -= bytes;
    this.connection.unread -= bytes;
    if (!this.remoteClosed) this.connection.receiving.giveBack(this);
  }

  /** Counts what was received as larger by `bytes`, until it is consumed: what it costs in memory, not on the wire. */
  retain(bytes: number): void {
    if (this.closed) return;
    this.unread += bytes;
    this.connection.unread += bytes;
  }

  /** Server role: counts bytes that were consumed and stay in memory against `maxUnreadBytes`, not against the window; or no longer. */
  keep(bytes: number): void {
    if (this.closed || this.connection.role === "client") return;
    this.kept += bytes;
    this.connection.unread += bytes;
  }

  /** Ends the stream at once, default CANCEL. Nothing more is sent or heard. */
  reset(code: number = ErrorCode.Cancel, message: string = errorCodeName(code)): void {
    if (this.closed) return;
    this.connection.reset(this.id, code);
    this.finish({ code, message, remote: false, unprocessed: false });
  }

  /** Says that a handler that was held (`held = true`) has ended: the stream counts no more. */
  release(): void {
    if (!this.held) return;
    this.held = false;
    if (this.closed) this.connection.active--;
  }

  /** @internal We have said all. */
  endLocal(): void {
    this.localClosed = true;
    if (this.remoteClosed) this.finish(well);
  }

  /** @internal The peer has said all. */
  endRemote(): void {
    this.remoteClosed = true;
    if (this.localClosed) this.finish(well);
  }

  /** @internal */
  finish(end: StreamEnd): void {
    if (this.closed) return;
    this.closed = true;
    this.end = end;
    this.localClosed = true;
    this.remoteClosed = true;
    this.connection.unread -= this.unread + this.kept;
    this.unread = 0;
    this.kept = 0;
    if (this.#waiting !== undefined) {
      for (const { bytes, at } of this.#waiting) this.connection.pending -= bytes.length - at;
      this.#waiting = undefined;
    }
    this.connection.forget(this, end.code === ErrorCode.NoError);
    this.events.closed(end);
  }
}
