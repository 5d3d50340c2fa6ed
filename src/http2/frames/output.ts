import type { Duplex } from "node:stream";
import { frameHeaderBytes } from "../constants.ts";

const capacity = 64 * 1024;

/**
 * Gathers what one turn of the event loop has to say in one buffer and writes it once. The buffer serves again when
 * the system took all of it at once; otherwise it belongs to the socket, and a new one is made.
 */
export class Output {
  buffer: Buffer = Buffer.allocUnsafeSlow(4 * 1024);
  at = 0;
  /** The socket holds more than it likes: DATA waits until it drains. */
  blocked = false;
  /** What is gathered should not wait for the end of the turn. */
  urgent = false;
  readonly #socket: Duplex;
  #scheduled = false;
  #closed = false;

  constructor(socket: Duplex) {
    this.#socket = socket;
  }

  /** Bytes that the system has not taken. */
  get backlog(): number {
    return this.#socket.writableLength + this.at;
  }

  /** Makes room for `bytes` at {@link at} and has them written at the end of this turn. */
  reserve(bytes: number): void {
    if (!this.#scheduled) {
      this.#scheduled = true;
      setImmediate(this.#flushLater);
    }
    if (this.at + bytes > this.buffer.length) this.#makeRoom(bytes);
  }

  #makeRoom(bytes: number): void {
    if (this.at + bytes > capacity) this.flush();
    if (this.at + bytes <= this.buffer.length) return;
    const size = Math.max(bytes, Math.min(capacity, this.buffer.length * 4));
    const larger = Buffer.allocUnsafeSlow(Math.max(size, this.at + bytes));
    this.buffer.copy(larger, 0, 0, this.at);
    this.buffer = larger;
  }

  /** A frame header; the caller has reserved room for it and the payload. */
  header(type: number, flags: number, streamId: number, size: number): void {
    const { buffer } = this;
    const at = this.at;
    buffer[at] = size >>> 16;
    buffer[at + 1] = size >>> 8;
    buffer[at + 2] = size;
    buffer[at + 3] = type;
    buffer[at + 4] = flags;
    buffer[at + 5] = streamId >>> 24;
    buffer[at + 6] = streamId >>> 16;
    buffer[at + 7] = streamId >>> 8;
    buffer[at + 8] = streamId;
    this.at = at + frameHeaderBytes;
  }

  uint32(value: number): void {
    this.at = this.buffer.writeUInt32BE(value >>> 0, this.at);
  }

  bytes(source: Uint8Array, start: number, end: number): void {
    if (end - start < 32) {
      for (let index = start; index < end; index++) this.buffer[this.at++] = source[index] as number;
      return;
    }
    this.buffer.set(start === 0 && end === source.length ? source : source.subarray(start, end), this.at);
    this.at += end - start;
  }

  readonly #flushLater = (): void => {
    this.#scheduled = false;
    this.flush();
  };

  flush(): void {
    if (this.at === 0 || this.#closed) return;
    const chunk = this.buffer.subarray(0, this.at);
    this.at = 0;
    this.urgent = false;
    if (!this.#socket.write(chunk)) this.blocked = true;
    if (this.#socket.writableLength > 0) this.buffer = Buffer.allocUnsafeSlow(4 * 1024);
  }

  /** Writes what is left and takes no more. */
  close(): void {
    this.flush();
    this.#closed = true;
    this.at = 0;
  }
}
