import type { Duplex } from "node:stream";
import {
  clientPreface,
  defaultFrameBytes,
  ErrorCode,
  errorCodeName,
  Flag,
  frameHeaderBytes,
  FrameType,
  largestStreamId,
} from "./constants.ts";
import { ConnectionError, type ConnectionEnd, type GoAway, type StreamEvents } from "./errors.ts";
import { Output } from "./frames/output.ts";
import { FrameReader } from "./frames/reader.ts";
import { HpackDecoder } from "./hpack/decoder.ts";
import { HpackEncoder, type PreparedFields } from "./hpack/encoder.ts";
import type { HeaderField } from "./hpack/field.ts";
import { Allowance, defaultLimits, type Limits } from "./limits.ts";
import { checkOutgoing } from "./message/rules.ts";
import { Receiver } from "./receiver.ts";
import { ReceiveWindows } from "./receiving.ts";
import { Sender, type Data } from "./sender.ts";
import { ownSettings, PeerSettings } from "./settings.ts";
import { Stream } from "./stream.ts";

export type Role = "client" | "server";

/** Hears of one connection. */
export interface ConnectionEvents {
  /** Server role: a request came. Returns who hears of its stream; its header list is not told again. */
  request?(stream: Stream, fields: readonly HeaderField[], end: boolean): StreamEvents;
  /** The peer's first SETTINGS came, or it changed how many streams it takes. */
  ready?(): void;
  /** The peer takes no new streams; those it began go on. */
  draining?(goAway: GoAway): void;
  /** A stream ended: there is room for another. */
  streamClosed?(): void;
  /** A PING of the peer came; throw a ConnectionError to refuse it. */
  pinged?(): void;
  /** The last event, exactly once. */
  closed?(end: ConnectionEnd): void;
}

export interface ConnectionOptions {
  role: Role;
  events?: ConnectionEvents;
  limits?: Partial<Limits>;
}

/** Ms that a peer has to read our last words. */
const lingerMs = 500;

/**
 * One HTTP/2 connection of either role over any duplex byte stream: RFC 9113. No stream objects of Node, no event
 * emitters: what happens is told by method calls in the turn in which it was read.
 */
export class Connection {
  readonly role: Role;
  readonly socket: Duplex;
  readonly limits: Limits;
  readonly peer: PeerSettings = new PeerSettings();
  readonly streams: Map<number, Stream> = new Map();
  /** Streams of the peer that count against its limit: open, or their handler still runs. */
  active = 0;
  closed = false;
  /** The peer's first SETTINGS came. */
  ready = false;
  /** What the peer's GOAWAY said. */
  goAway: GoAway | undefined;
  /** Bytes of DATA that wait for windows or the socket. */
  pending = 0;
  /** Bytes received and not consumed. */
  unread = 0;
  /** Frames with header lists or data that went out. */
  productive = 0;
  /** Something was read since this was last set to false. */
  heard = false;

  /** @internal */
  readonly events: ConnectionEvents;
  /** @internal */
  readonly receiving: ReceiveWindows;
  /** @internal */
  readonly decoder: HpackDecoder;
  /** @internal */
  readonly encoder: HpackEncoder;
  /** @internal */
  readonly output: Output;
  /** @internal */
  readonly resets: Allowance;
  /** @internal */
  readonly idleFrames: Allowance;
  /** @internal Highest stream of the peer that was begun. */
  lastPeerId = 0;
  /** @internal Streams of the peer above it are ignored: what our GOAWAY promised. */
  lastAccepted: number = largestStreamId;
  readonly #receiver: Receiver;
  readonly #reader: FrameReader;
  readonly #sender: Sender;
  #prefaceAt = 0;
  #nextId: number;
  #draining = false;
  #reading = false;
  #paused = false;
  #handshake: NodeJS.Timeout | undefined;
  #stall: NodeJS.Timeout | undefined;
  #pings = new Map<number, () => void>();
  #pingId = 0;

  constructor(socket: Duplex, { role, events = {}, limits }: ConnectionOptions) {
    this.socket = socket;
    this.role = role;
    this.events = events;
    this.limits = { ...defaultLimits, ...limits };
    this.#nextId = role === "client" ? 1 : 2;
    this.receiving = new ReceiveWindows(this, this.limits);
    this.decoder = new HpackDecoder(this.limits.headerTableBytes);
    this.encoder = new HpackEncoder(this.limits.headerTableBytes);
    this.output = new Output(socket);
    this.resets = new Allowance(this.limits.resetBurst, this.limits.resetsPerSecond);
    this.idleFrames = new Allowance(this.limits.idleFrameBurst, this.limits.idleFramesPerSecond);
    this.#receiver = new Receiver(this);
    this.#reader = new FrameReader(Math.max(defaultFrameBytes, this.limits.maxFrameBytes), (frame) => {
      this.#receiver.frame(frame);
      return !this.closed;
    });
    this.#sender = new Sender(this);
    this.#handshake = setTimeout(
      () => this.close(ErrorCode.ProtocolError, "the peer did not begin HTTP/2 in time"),
      this.limits.handshakeTimeoutMs,
    ).unref();
    this.#hello();
    socket
      .on("data", this.#onData)
      .on("drain", this.#onDrain)
      .on("error", (error: Error) => this.#gone(error.message))
      .on("end", () => this.#gone("the peer closed the connection"))
      .on("close", () => this.#gone("the connection broke"));
  }

  #hello(): void {
    if (this.role === "client") {
      this.output.reserve(clientPreface.length);
      this.output.bytes(clientPreface, 0, clientPreface.length);
    }
    this.sendSettings(ownSettings(this.limits, this.role));
    this.receiving.open();
  }

  readonly #onData = (chunk: Buffer): void => {
    this.heard = true;
    this.#reading = true;
    try {
      const from = this.role === "server" && this.#prefaceAt < clientPreface.length ? this.#readPreface(chunk) : 0;
      this.#reader.push(chunk, from);
      this.#receiver.watchBlock(this.#reader.begun);
    } catch (error) {
      if (!(error instanceof ConnectionError)) throw error;
      this.close(error.code, error.message);
    } finally {
      this.#reading = false;
    }
    if (this.output.backlog > this.limits.maxBacklogBytes) this.#pause();
    if (this.#draining && this.streams.size === 0) this.#finishDraining();
  };

  /** Whether frames are being read in this very turn: what is sent now goes out with what else they cause. */
  get reading(): boolean {
    return this.#reading;
  }

  #readPreface(chunk: Buffer): number {
    const part = Math.min(clientPreface.length - this.#prefaceAt, chunk.length);
    if (clientPreface.compare(chunk, 0, part, this.#prefaceAt, this.#prefaceAt + part) !== 0)
      throw new ConnectionError(ErrorCode.ProtocolError, "the peer does not speak HTTP/2: no connection preface");
    this.#prefaceAt += part;
    return part;
  }

  /** A peer that takes nothing is not read either, and not kept for ever. */
  #pause(): void {
    if (this.#paused || this.closed) return;
    this.#paused = true;
    this.socket.pause();
    this.#stall = setTimeout(() => {
      this.close(ErrorCode.EnhanceYourCalm, "the peer reads nothing of what it asked for");
      this.socket.destroy();
    }, this.limits.stallTimeoutMs).unref();
  }

  readonly #onDrain = (): void => {
    this.output.blocked = false;
    if (this.#paused) {
      this.#paused = false;
      clearTimeout(this.#stall);
      this.socket.resume();
    }
    this.#sender.pump();
  };

  /**
   * Client role: begins a stream. There is room for one when {@link canOpen} says so.
   * @throws TypeError for fields that cannot be sent
   */
  open(fields: readonly HeaderField[] | PreparedFields, events: StreamEvents, end = false): Stream {
    if (!this.canOpen) throw new Error("no stream can be opened on this connection now");
    const stream = new Stream(this, this.#nextId, events);
    this.sendHeaders(stream.id, fields, end);
    this.#nextId += 2;
    this.streams.set(stream.id, stream);
    stream.localClosed = end;
    return stream;
  }

  /** Whether a stream may be opened now. */
  get canOpen(): boolean {
    return (
      !this.closed &&
      !this.#draining &&
      this.goAway === undefined &&
      this.streams.size < this.peer.maxConcurrentStreams &&
      this.#nextId < largestStreamId
    );
  }

  /** Ids are used up: a connection of its own has to follow. */
  get exhausted(): boolean {
    return this.#nextId >= largestStreamId;
  }

  /**
   * Graceful GOAWAY in two steps (RFC 9113 section 6.8): streams that the peer began before it heard of it are served;
   * the connection closes when all have ended.
   */
  drain(debug = ""): void {
    if (this.#draining || this.closed) return;
    this.#draining = true;
    if (this.role === "server") {
      this.#sender.goAway(largestStreamId, ErrorCode.NoError, debug);
      this.ping(() => {
        this.lastAccepted = this.lastPeerId;
        this.#sender.goAway(this.lastPeerId, ErrorCode.NoError, debug);
        if (this.streams.size === 0) this.#finishDraining();
      });
    } else if (this.streams.size === 0) this.#finishDraining();
  }

  #finishDraining(): void {
    if (this.role === "server" && this.lastAccepted === largestStreamId) return;
    this.close(ErrorCode.NoError, "");
  }

  /** Ends the connection with GOAWAY; the peer gets a moment to read it. */
  close(code: number = ErrorCode.NoError, message = ""): void {
    if (this.closed) return;
    this.#sender.goAway(this.lastPeerId, code, message);
    this.#end({ code, message: message === "" ? "the connection was closed" : message, remote: false });
    this.socket.off("data", this.#onData).resume();
    this.socket.end();
    const timer = setTimeout(() => this.socket.destroy(), lingerMs).unref();
    this.socket.once("close", () => clearTimeout(timer));
  }

  #gone(message: string): void {
    if (this.closed) return;
    const { goAway } = this;
    const reason =
      goAway === undefined || goAway.code === ErrorCode.NoError
        ? message
        : `the peer went away with ${errorCodeName(goAway.code)}${goAway.debug === "" ? "" : `: ${goAway.debug}`}`;
    this.#end({ code: goAway?.code ?? ErrorCode.NoError, message: reason, remote: true });
    this.socket.destroy();
  }

  #end(end: ConnectionEnd): void {
    this.closed = true;
    clearTimeout(this.#handshake);
    clearTimeout(this.#stall);
    this.#receiver.stop();
    this.output.close();
    for (const stream of this.streams.values()) {
      stream.finish({
        code: end.code === ErrorCode.NoError ? ErrorCode.InternalError : end.code,
        message: end.message,
        remote: end.remote,
        unprocessed: this.goAway !== undefined && this.role === "client" && stream.id > this.goAway.lastStreamId,
      });
    }
    this.#pings.clear();
    this.events.closed?.(end);
  }

  /** Sends a PING and calls back when its acknowledgement comes. */
  ping(acknowledged: () => void): void {
    if (this.closed) return;
    this.#pingId = (this.#pingId + 1) >>> 0;
    this.#pings.set(this.#pingId, acknowledged);
    this.#sender.ping(this.#pingId);
  }

  /** @internal */
  pingAcknowledged(id: number): boolean {
    const acknowledged = this.#pings.get(id);
    this.#pings.delete(id);
    acknowledged?.();
    return acknowledged !== undefined;
  }

  /** @internal */
  settled(): void {
    clearTimeout(this.#handshake);
    this.ready = true;
    this.events.ready?.();
    this.#sender.pump();
  }

  /** @internal */
  forget(stream: Stream, well: boolean): void {
    if (!this.streams.delete(stream.id)) return;
    this.#receiver.ended(stream.id);
    if (this.role === "server" && !stream.held) this.active--;
    if (well) this.resets.earn();
    this.events.streamClosed?.();
    if (!this.#reading && !this.closed && this.streams.size === 0 && (this.#draining || this.goAway !== undefined)) {
      if (this.role === "server" || this.goAway === undefined) this.#finishDraining();
      else this.close(ErrorCode.NoError, "");
    }
  }

  /** @internal */
  peerGoesAway(goAway: GoAway): void {
    this.goAway = goAway;
    if (this.role === "client") {
      for (const stream of this.streams.values()) {
        if (stream.id <= goAway.lastStreamId) continue;
        const message = `the peer went away (${errorCodeName(goAway.code)})`;
        stream.finish({ code: ErrorCode.RefusedStream, message, remote: true, unprocessed: true });
      }
    }
    this.events.draining?.(goAway);
    if (this.streams.size === 0) this.close();
  }

  /** @internal Whether a stream of ours was ever opened. */
  begun(streamId: number): boolean {
    return streamId < this.#nextId;
  }

  /** @internal */
  widen(increment: number): boolean {
    return this.#sender.widen(increment);
  }

  /** @internal A window or the socket has room again. */
  pump(): void {
    this.#sender.pump();
  }

  /** @internal */
  sendHeaders(streamId: number, fields: readonly HeaderField[] | PreparedFields, end: boolean): void {
    if (this.closed) return;
    if ("fields" in fields) {
      if (fields.bytes === undefined) checkOutgoing(fields.fields);
    } else checkOutgoing(fields);
    this.productive++;
    this.#sender.headers(streamId, fields, end);
  }

  /** @internal Whether so much of a stream's DATA can go out now. */
  canSend(stream: Stream, bytes: number): boolean {
    return this.#sender.canSend(stream, bytes);
  }

  /** @internal */
  sendData(stream: Stream, data: Data): void {
    this.productive++;
    this.#sender.data(stream, data);
  }

  /** @internal */
  enqueue(stream: Stream): void {
    this.#sender.enqueue(stream);
  }

  /** @internal */
  sendReset(streamId: number, code: number): void {
    if (this.closed) return;
    this.#receiver.resetByUs(streamId);
    this.#sender.frame(FrameType.RstStream, 0, { streamId, value: code });
  }

  /** @internal */
  sendWindowUpdate(streamId: number, increment: number): void {
    if (increment > 0 && !this.closed) this.#sender.frame(FrameType.WindowUpdate, 0, { streamId, value: increment });
  }

  /** @internal */
  announceWindow(bytes: number): void {
    this.sendSettings([[4, bytes]]);
  }

  /** @internal */
  sendSettings(settings: readonly (readonly [number, number])[]): void {
    this.#sender.settings(settings);
  }

  /** @internal */
  acknowledge(type: number, payload: Buffer): void {
    if (this.closed) return;
    this.output.reserve(frameHeaderBytes + payload.length);
    this.output.header(type, Flag.Ack, 0, payload.length);
    this.output.bytes(payload, 0, payload.length);
  }

  /** @internal */
  giveBack(stream: Stream): void {
    if (!this.closed) this.receiving.giveBack(stream, this.limits.maxUnreadBytes);
  }
}
