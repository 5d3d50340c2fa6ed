import type { IncomingMessage, ServerResponse } from "node:http";

interface Guarded {
  request: IncomingMessage;
  response: ServerResponse;
  /** Bytes that the connection has taken in and got rid of so far. */
  read: number;
  flushed: number;
  movedAt: number;
}

/**
 * Ends connections of clients that neither send the body they announced nor read what they asked for.
 * One that just waits for its answer is left alone however long that takes.
 */
export class Watchdog {
  readonly #guarded = new Set<Guarded>();
  readonly #timer: NodeJS.Timeout;
  readonly #idleMs: number;
  readonly #onStalled: (request: IncomingMessage) => void;

  constructor(idleMs: number, onStalled: (request: IncomingMessage) => void) {
    this.#idleMs = idleMs;
    this.#onStalled = onStalled;
    this.#timer = setInterval(() => this.#sweep(), Math.max(50, Math.min(1_000, idleMs / 4)));
    this.#timer.unref();
  }

  guard(request: IncomingMessage, response: ServerResponse): void {
    const guarded = { request, response, read: 0, flushed: 0, movedAt: performance.now() };
    this.#guarded.add(guarded);
    response.once("close", () => this.#guarded.delete(guarded));
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #sweep(): void {
    const now = performance.now();
    for (const guarded of this.#guarded) {
      const { request, response } = guarded;
      const { socket } = request;
      const read = socket.bytesRead;
      // bytesWritten counts what is still queued.
      const flushed = socket.bytesWritten - socket.writableLength;
      // A body that is paused because the instance is slow is not the client's fault.
      const owesBody = !request.complete && !request.isPaused();
      const owesReading = response.writableLength > 0 || socket.writableLength > 0;
      const moved = (owesBody && read !== guarded.read) || (owesReading && flushed !== guarded.flushed);
      if (moved || (!owesBody && !owesReading)) guarded.movedAt = now;
      guarded.read = read;
      guarded.flushed = flushed;
      if (now - guarded.movedAt < this.#idleMs) continue;
      this.#guarded.delete(guarded);
      this.#onStalled(request);
    }
  }
}
