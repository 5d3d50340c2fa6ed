import type { Connection } from "./connection.ts";
import { ErrorCode, errorCodeName, largestStreamId } from "./constants.ts";
import type { ConnectionEnd, GoAway } from "./events.ts";

/** Ms that a peer has to read our last words. */
const lingerMs = 500;

/** How a connection ends: GOAWAY in either direction (RFC 9113 section 6.8), graceful or not, or the socket's end. */
export class Ending {
  /** No new streams from our side; ends when the last one has. */
  draining = false;
  /** What the peer's GOAWAY said. */
  goAway: GoAway | undefined;
  /** Streams of the peer above it are ignored: what our GOAWAY promised. */
  lastAccepted: number = largestStreamId;
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  drain(debug: string): void {
    const connection = this.#connection;
    if (this.draining || connection.closed) return;
    this.draining = true;
    if (connection.role === "server") {
      connection.sender.goAway(largestStreamId, ErrorCode.NoError, debug);
      connection.ping(() => {
        this.lastAccepted = connection.lastPeerId;
        connection.sender.goAway(connection.lastPeerId, ErrorCode.NoError, debug);
        if (connection.streams.size === 0) this.#finish();
      });
    } else if (connection.streams.size === 0) this.#finish();
  }

  #finish(): void {
    // Before the second GOAWAY the peer may still begin streams.
    if (this.#connection.role === "server" && this.lastAccepted === largestStreamId) return;
    this.close(ErrorCode.NoError, "");
  }

  /** All of a chunk was read. */
  turnOver(): void {
    if (this.draining && this.#connection.streams.size === 0) this.#finish();
  }

  /** The last stream has ended. */
  idle(): void {
    const { intake, closed, role } = this.#connection;
    if (intake.reading || closed || !(this.draining || this.goAway !== undefined)) return;
    if (role === "server" || this.goAway === undefined) this.#finish();
    else this.close(ErrorCode.NoError, "");
  }

  peerGoesAway(goAway: GoAway): void {
    const connection = this.#connection;
    this.goAway = goAway;
    if (connection.role === "client") {
      for (const stream of connection.streams.values()) {
        if (stream.id <= goAway.lastStreamId) continue;
        const message = `the peer went away (${errorCodeName(goAway.code)}${goAway.debug === "" ? "" : `: ${goAway.debug}`})`;
        stream.finish({ code: ErrorCode.RefusedStream, message, remote: true, unprocessed: true });
      }
    }
    connection.events.draining?.(goAway);
    if (connection.streams.size > 0) return;
    if (goAway.code === ErrorCode.NoError) connection.close();
    else this.gone("");
  }

  close(code: number, message: string): void {
    const connection = this.#connection;
    if (connection.closed) return;
    const { socket } = connection;
    connection.sender.goAway(connection.lastPeerId, code, message);
    this.#end({ code, message: message === "" ? "the connection was closed" : message, remote: false });
    socket.off("data", connection.intake.onData).resume();
    socket.end();
    const timer = setTimeout(() => socket.destroy(), lingerMs).unref();
    socket.once("close", () => clearTimeout(timer));
  }

  /** The socket is no more. */
  gone(message: string): void {
    const connection = this.#connection;
    if (connection.closed) return;
    const { goAway } = this;
    const reason =
      goAway === undefined || goAway.code === ErrorCode.NoError
        ? message
        : `the peer went away with ${errorCodeName(goAway.code)}${goAway.debug === "" ? "" : `: ${goAway.debug}`}`;
    this.#end({ code: goAway?.code ?? ErrorCode.NoError, message: reason, remote: true });
    connection.socket.destroy();
  }

  #end(end: ConnectionEnd): void {
    const connection = this.#connection;
    connection.closed = true;
    connection.intake.stop();
    connection.output.close();
    for (const stream of connection.streams.values()) {
      stream.finish({
        code: end.code === ErrorCode.NoError ? ErrorCode.InternalError : end.code,
        message: end.message,
        remote: end.remote,
        unprocessed: this.goAway !== undefined && connection.role === "client" && stream.id > this.goAway.lastStreamId,
      });
    }
    connection.pings.clear();
    connection.events.closed?.(end);
  }
}
