import type { Connection } from "./connection.ts";
import { defaultWindow, Flag, frameHeaderBytes, FrameType, largestWindow } from "./constants.ts";
import type { PreparedFields } from "./hpack/encoder.ts";
import type { HeaderField } from "./hpack/field.ts";
import { checkOutgoing } from "./message/rules.ts";
import type { Stream } from "./stream.ts";

/** One DATA frame's content: `prefix`, then `bytes[start, end)`. */
export interface Data {
  prefix: Uint8Array | undefined;
  bytes: Uint8Array;
  start: number;
  end: number;
  endStream: boolean;
}

const none: readonly HeaderField[] = [];

/** What one stream may send before others have their turn. */
const turnBytes = 16_384;

/** Writes frames, and shares windows and socket among the streams that wait. */
export class Sender {
  readonly #connection: Connection;
  /** The connection's send window. */
  #window: number = defaultWindow;
  #queue: Stream[] = [];

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  canSend(stream: Stream, bytes: number): boolean {
    const { output, peer } = this.#connection;
    if (this.#connection.closed || output.blocked || bytes > peer.maxFrameSize) return false;
    return bytes === 0 || (this.#queue.length === 0 && bytes <= stream.sendWindow && bytes <= this.#window);
  }

  data(stream: Stream, { prefix, bytes, start, end, endStream }: Data): void {
    const { output } = this.#connection;
    const size = end - start + (prefix?.length ?? 0);
    this.#connection.productive++;
    stream.sendWindow -= size;
    this.#window -= size;
    output.reserve(frameHeaderBytes + size);
    output.header(FrameType.Data, endStream ? Flag.EndStream : 0, stream.id, size);
    if (prefix !== undefined) output.bytes(prefix, 0, prefix.length);
    output.bytes(bytes, start, end);
  }

  /** False when the window is larger than the protocol allows. */
  widen(increment: number): boolean {
    this.#window += increment;
    return this.#window <= largestWindow;
  }

  enqueue(stream: Stream): void {
    if (stream.queued || !stream.waiting) return;
    stream.queued = true;
    this.#queue.push(stream);
    if (this.#queue.length === 1) this.pump();
  }

  /** Sends what waits, in turn, as far as windows and socket allow. */
  pump(): void {
    const { output, peer } = this.#connection;
    while (this.#queue.length > 0 && this.#window > 0 && !output.blocked && !this.#connection.closed) {
      const stream = this.#queue.shift() as Stream;
      stream.queued = false;
      if (stream.closed || !stream.waiting || stream.sendWindow <= 0) continue;
      stream.sendSome(Math.min(turnBytes, peer.maxFrameSize, this.#window, stream.sendWindow));
      if (!stream.closed && stream.waiting && !stream.queued) {
        stream.queued = true;
        this.#queue.push(stream);
      }
    }
  }

  /** @throws TypeError for fields that cannot be sent */
  headers(
    streamId: number,
    fields: readonly HeaderField[] | PreparedFields,
    { end, more = none }: { end: boolean; more?: readonly HeaderField[] | undefined },
  ): void {
    const { output, encoder, peer, closed } = this.#connection;
    if (closed) return;
    const prepared = "fields" in fields ? fields : undefined;
    if (prepared === undefined) checkOutgoing(fields as readonly HeaderField[]);
    else if (prepared.bytes === undefined) checkOutgoing(prepared.fields);
    if (more.length > 0) checkOutgoing(more);
    this.#connection.productive++;
    output.reserve(frameHeaderBytes + encoder.room(fields) + encoder.room(more));
    const start = output.at;
    const block = start + frameHeaderBytes;
    const listEnd =
      prepared === undefined
        ? encoder.encode(fields as readonly HeaderField[], output.buffer, block)
        : encoder.encodePrepared(prepared, output.buffer, block);
    const blockEnd = more.length > 0 ? encoder.encode(more, output.buffer, listEnd) : listEnd;
    const flags = end ? Flag.EndStream : 0;
    const size = blockEnd - block;
    if (size <= peer.maxFrameSize) {
      output.header(FrameType.Headers, flags | Flag.EndHeaders, streamId, size);
      output.at = blockEnd;
      return;
    }
    this.#split(Buffer.from(output.buffer.subarray(block, blockEnd)), streamId, flags);
  }

  #split(block: Buffer, streamId: number, flags: number): void {
    const { output, peer } = this.#connection;
    for (let at = 0; at < block.length; at += peer.maxFrameSize) {
      const end = Math.min(block.length, at + peer.maxFrameSize);
      const last = end === block.length ? Flag.EndHeaders : 0;
      output.reserve(frameHeaderBytes + end - at);
      if (at === 0) output.header(FrameType.Headers, flags | last, streamId, end - at);
      else output.header(FrameType.Continuation, last, streamId, end - at);
      output.bytes(block, at, end);
    }
  }

  reset(streamId: number, code: number): void {
    if (!this.#connection.closed) this.#number(FrameType.RstStream, streamId, code);
  }

  windowUpdate(streamId: number, increment: number): void {
    const { closed, output, intake } = this.#connection;
    if (increment <= 0 || closed) return;
    this.#number(FrameType.WindowUpdate, streamId, increment);
    // A turn may read megabytes: the peer would wait for its end with nothing to do.
    if (intake.reading) output.urgent = true;
    else output.flush();
  }

  #number(type: number, streamId: number, value: number): void {
    const { output } = this.#connection;
    output.reserve(frameHeaderBytes + 4);
    output.header(type, 0, streamId, 4);
    output.uint32(value);
  }

  /** Acknowledges a SETTINGS or PING frame. */
  acknowledge(type: number, payload: Buffer): void {
    const { output, closed } = this.#connection;
    if (closed) return;
    output.reserve(frameHeaderBytes + payload.length);
    output.header(type, Flag.Ack, 0, payload.length);
    output.bytes(payload, 0, payload.length);
  }

  settings(settings: readonly (readonly [number, number])[]): void {
    const { output } = this.#connection;
    output.reserve(frameHeaderBytes + settings.length * 6);
    output.header(FrameType.Settings, 0, 0, settings.length * 6);
    for (const [id, value] of settings) {
      output.at = output.buffer.writeUInt16BE(id, output.at);
      output.uint32(value);
    }
  }

  ping(id: number): void {
    const { output } = this.#connection;
    output.reserve(frameHeaderBytes + 8);
    output.header(FrameType.Ping, 0, 0, 8);
    output.uint32(0);
    output.uint32(id);
  }

  goAway(lastStreamId: number, code: number, debug: string): void {
    const { output } = this.#connection;
    const text = Buffer.from(debug.slice(0, 1_024));
    output.reserve(frameHeaderBytes + 8 + text.length);
    output.header(FrameType.GoAway, 0, 0, 8 + text.length);
    output.uint32(lastStreamId);
    output.uint32(code);
    output.bytes(text, 0, text.length);
  }
}
