import type { Duplex } from "node:stream";
import { clientPreface, ErrorCode, largestStreamId } from "./constants.ts";
import { Ending } from "./ending.ts";
import type { ConnectionEvents, GoAway, StreamEvents } from "./events.ts";
import { Output } from "./frames/output.ts";
import { HpackDecoder } from "./hpack/decoder.ts";
import { HpackEncoder, type PreparedFields } from "./hpack/encoder.ts";
import type { HeaderField } from "./hpack/field.ts";
import { Intake } from "./intake.ts";
import { Allowance, defaultLimits, type Limits } from "./limits.ts";
import { Pings } from "./pings.ts";
import { Receiver } from "./receiver.ts";
import { ReceiveWindows } from "./receiving.ts";
import { Sender } from "./sender.ts";
import { ownSettings, PeerSettings } from "./settings.ts";
import { Stream } from "./stream.ts";

export type Role = "client" | "server";

export interface ConnectionOptions {
  role: Role;
  events?: ConnectionEvents;
  limits?: Partial<Limits>;
}

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
  readonly sender: Sender;
  /** @internal */
  readonly intake: Intake;
  /** @internal */
  readonly pings: Pings;
  /** @internal */
  readonly ending: Ending;
  /** @internal */
  readonly resets: Allowance;
  /** @internal */
  readonly idleFrames: Allowance;
  /** @internal Highest stream of the peer that was begun. */
  lastPeerId = 0;
  readonly #receiver: Receiver;
  #nextId: number;

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
    this.sender = new Sender(this);
    this.pings = new Pings(this);
    this.ending = new Ending(this);
    this.#receiver = new Receiver(this);
    this.intake = new Intake(this, this.#receiver);
    this.#hello();
    socket
      .on("data", this.intake.onData)
      .on("drain", this.intake.onDrain)
      .on("error", (error: Error) => this.ending.gone(error.message))
      .on("end", () => this.ending.gone("the peer closed the connection"))
      .on("close", () => this.ending.gone("the connection broke"));
  }

  #hello(): void {
    if (this.role === "client") {
      this.output.reserve(clientPreface.length);
      this.output.bytes(clientPreface, 0, clientPreface.length);
    }
    this.sender.settings(ownSettings(this.limits, this.role));
    this.receiving.open();
  }

  /** What the peer's GOAWAY said. */
  get goAway(): GoAway | undefined {
    return this.ending.goAway;
  }

  /**
   * Client role: begins a stream. There is room for one when {@link canOpen} says so. `more` follows `fields`, for
   * what a prepared list cannot know.
   * @throws TypeError for fields that cannot be sent
   */
  open(
    fields: readonly HeaderField[] | PreparedFields,
    events: StreamEvents,
    { end = false, more }: { end?: boolean; more?: readonly HeaderField[] | undefined } = {},
  ): Stream {
    if (!this.canOpen) throw new Error("no stream can be opened on this connection now");
    const stream = new Stream(this, this.#nextId, events);
    this.sender.headers(stream.id, fields, { end, more });
    this.#nextId += 2;
    this.streams.set(stream.id, stream);
    stream.localClosed = end;
    return stream;
  }

  /** Whether a stream may be opened now. */
  get canOpen(): boolean {
    return (
      !this.closed &&
      !this.ending.draining &&
      this.ending.goAway === undefined &&
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
    this.ending.drain(debug);
  }

  /** Ends the connection with GOAWAY; the peer gets a moment to read it. */
  close(code: number = ErrorCode.NoError, message = ""): void {
    this.ending.close(code, message);
  }

  /** Sends a PING and calls back when its acknowledgement comes. */
  ping(acknowledged: () => void): void {
    if (!this.closed) this.pings.send(acknowledged);
  }

  /** @internal The peer's SETTINGS came. */
  settled(): void {
    this.intake.settled();
    this.ready = true;
    this.events.ready?.();
    this.sender.pump();
  }

  /** @internal */
  forget(stream: Stream, well: boolean): void {
    if (!this.streams.delete(stream.id)) return;
    this.#receiver.ended(stream.id);
    if (this.role === "server" && !stream.held) this.active--;
    if (well) this.resets.earn();
    this.events.streamClosed?.();
    if (this.streams.size === 0) this.ending.idle();
  }

  /** @internal Whether a stream of ours was ever opened. */
  begun(streamId: number): boolean {
    return streamId < this.#nextId;
  }

  /** @internal Resets a stream whose frames are still to come. */
  reset(streamId: number, code: number): void {
    if (this.closed) return;
    this.#receiver.resetByUs(streamId);
    this.sender.reset(streamId, code);
  }
}
