import type { Connection } from "./connection.ts";
import { clientPreface, defaultFrameBytes, ErrorCode } from "./constants.ts";
import { ConnectionError } from "./errors.ts";
import { FrameReader } from "./frames/reader.ts";
import type { Receiver } from "./receiver.ts";

/** RFC 8446 section 5.1: what a TLS server answers to anything else begins with this and the version, 3. */
const tlsAlert = 21;

/** What a peer says that speaks something else. */
function checkProtocol(chunk: Buffer): void {
  if (chunk[0] === tlsAlert && chunk[1] === 3)
    throw new ConnectionError(ErrorCode.ProtocolError, "the peer wants TLS: it answers with an alert of TLS");
  if (chunk.toString("latin1", 0, 7) === "HTTP/1.")
    throw new ConnectionError(ErrorCode.ProtocolError, "the peer speaks HTTP/1, not HTTP/2");
}

/** Reads the socket: the preface, then frame after frame; and stops reading a peer that takes nothing. */
export class Intake {
  /** Frames are being read in this very turn: what is sent now goes out with what else they cause. */
  reading = false;
  readonly #connection: Connection;
  readonly #receiver: Receiver;
  readonly #reader: FrameReader;
  #prefaceAt = 0;
  #paused = false;
  #handshake: NodeJS.Timeout | undefined;
  #stall: NodeJS.Timeout | undefined;

  constructor(connection: Connection, receiver: Receiver) {
    this.#connection = connection;
    this.#receiver = receiver;
    this.#prefaceAt = connection.role === "server" ? 0 : clientPreface.length;
    this.#reader = new FrameReader(Math.max(defaultFrameBytes, connection.limits.maxFrameBytes), (frame) => {
      receiver.frame(frame);
      return !connection.closed;
    });
    this.#handshake = setTimeout(
      () => connection.close(ErrorCode.ProtocolError, "the peer did not begin HTTP/2 in time"),
      connection.limits.handshakeTimeoutMs,
    ).unref();
  }

  readonly onData = (chunk: Buffer): void => {
    const connection = this.#connection;
    const first = !connection.heard && !connection.ready;
    connection.heard = true;
    this.reading = true;
    try {
      if (first) checkProtocol(chunk);
      const from = this.#prefaceAt < clientPreface.length ? this.#readPreface(chunk) : 0;
      this.#reader.push(chunk, from);
      this.#receiver.watchBlock(this.#reader.begun);
    } catch (error) {
      if (!(error instanceof ConnectionError)) throw error;
      connection.close(error.code, error.message);
    } finally {
      this.reading = false;
    }
    const { output } = connection;
    if (output.urgent) output.flush();
    if (output.backlog > connection.limits.maxBacklogBytes) this.#pause();
    connection.ending.turnOver();
  };

  #readPreface(chunk: Buffer): number {
    const part = Math.min(clientPreface.length - this.#prefaceAt, chunk.length);
    if (clientPreface.compare(chunk, 0, part, this.#prefaceAt, this.#prefaceAt + part) !== 0)
      throw new ConnectionError(ErrorCode.ProtocolError, "the peer does not speak HTTP/2: no connection preface");
    this.#prefaceAt += part;
    return part;
  }

  /** A peer that takes nothing is not read either, and not kept for ever. */
  #pause(): void {
    const { socket, limits, closed } = this.#connection;
    if (this.#paused || closed) return;
    this.#paused = true;
    socket.pause();
    this.#stall = setTimeout(() => {
      this.#connection.close(ErrorCode.EnhanceYourCalm, "the peer reads nothing of what it asked for");
      socket.destroy();
    }, limits.stallTimeoutMs).unref();
  }

  readonly onDrain = (): void => {
    const { socket, output, sender } = this.#connection;
    output.blocked = false;
    if (this.#paused) {
      this.#paused = false;
      clearTimeout(this.#stall);
      socket.resume();
    }
    sender.pump();
  };

  /** The peer's first SETTINGS came. */
  settled(): void {
    clearTimeout(this.#handshake);
  }

  /** Reads nothing more. */
  stop(): void {
    clearTimeout(this.#handshake);
    clearTimeout(this.#stall);
    this.#receiver.stop();
  }
}
