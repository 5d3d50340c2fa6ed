import type { Connection } from "./connection.ts";
import { ErrorCode, Flag } from "./constants.ts";
import { ConnectionError, StreamError } from "./errors.ts";
import { removePadding, type Frame } from "./frames/reader.ts";
import { HpackError, type DecodedBlock } from "./hpack/decoder.ts";
import { HeaderField } from "./hpack/field.ts";
import { checkFields } from "./message/rules.ts";
import type { Receiver } from "./receiver.ts";
import { Stream } from "./stream.ts";

/** HEADERS and what continues them, RFC 9113 sections 4.3, 6.2, 6.10 and 8.1. */
export class HeaderBlocks {
  readonly #connection: Connection;
  readonly #receiver: Receiver;
  /** The block that has begun: its parts are copies. */
  #parts: Buffer[] = [];
  #bytes = 0;
  #streamId = 0;
  #endStream = false;
  #selfDependent = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(connection: Connection, receiver: Receiver) {
    this.#connection = connection;
    this.#receiver = receiver;
  }

  /** Whether nothing but CONTINUATION may come. */
  get open(): boolean {
    return this.#streamId !== 0;
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  /** A block must not dribble: called after each chunk, `begun` for a frame that may belong to one and is not complete. */
  watch(begun: boolean): void {
    if (!begun && !this.open) {
      if (this.#timer === undefined) return;
      clearTimeout(this.#timer);
      this.#timer = undefined;
    } else if (this.#timer === undefined && !this.#connection.closed) {
      this.#timer = setTimeout(
        () => this.#connection.close(ErrorCode.EnhanceYourCalm, "a header block was not complete in time"),
        this.#connection.limits.headerTimeoutMs,
      ).unref();
    }
  }

  headers(frame: Frame): void {
    const { streamId, flags } = frame;
    if (streamId === 0) throw new ConnectionError(ErrorCode.ProtocolError, "HEADERS on stream 0");
    if (flags & Flag.Padded) removePadding(frame);
    this.#selfDependent = false;
    if (flags & Flag.Priority) {
      if (frame.end - frame.start < 5)
        throw new ConnectionError(ErrorCode.FrameSizeError, "HEADERS without its priority");
      this.#selfDependent = (frame.buffer.readUInt32BE(frame.start) & 0x7fff_ffff) === streamId;
      frame.start += 5;
    }
    const endStream = (flags & Flag.EndStream) !== 0;
    if (flags & Flag.EndHeaders) return this.#whole(streamId, endStream, frame);
    this.#streamId = streamId;
    this.#endStream = endStream;
    this.#bytes = 0;
    this.#add(frame);
  }

  continuation(frame: Frame): void {
    if (this.#streamId === 0 || frame.streamId !== this.#streamId)
      throw new ConnectionError(ErrorCode.ProtocolError, "CONTINUATION of nothing");
    this.#add(frame);
    if ((frame.flags & Flag.EndHeaders) === 0) return;
    const buffer = Buffer.concat(this.#parts, this.#bytes);
    const streamId = this.#streamId;
    this.#streamId = 0;
    this.#parts = [];
    this.#whole(streamId, this.#endStream, { buffer, start: 0, end: buffer.length });
  }

  #add({ buffer, start, end }: Frame): void {
    const { maxContinuations, maxHeaderBlockBytes } = this.#connection.limits;
    this.#bytes += end - start;
    this.#parts.push(Buffer.from(buffer.subarray(start, end)));
    if (this.#bytes > maxHeaderBlockBytes)
      throw new ConnectionError(ErrorCode.EnhanceYourCalm, `a header block over ${maxHeaderBlockBytes} bytes`);
    if (this.#parts.length > maxContinuations + 1)
      throw new ConnectionError(
        ErrorCode.EnhanceYourCalm,
        `a header block in more than ${maxContinuations} CONTINUATION frames`,
      );
  }

  #whole(streamId: number, end: boolean, part: { buffer: Buffer; start: number; end: number }): void {
    const block = this.#decode(part);
    if (this.#selfDependent)
      throw new StreamError(streamId, ErrorCode.ProtocolError, "a stream that depends on itself");
    const stream = this.#connection.streams.get(streamId);
    if (stream !== undefined) return this.#further(stream, block, end);
    if (this.#connection.role === "server" && (streamId & 1) === 1 && streamId > this.#connection.lastPeerId)
      return this.#request(streamId, block, end);
    this.#receiver.lateHeaders(streamId);
  }

  #decode({ buffer, start, end }: { buffer: Buffer; start: number; end: number }): DecodedBlock {
    const { limits, decoder } = this.#connection;
    if (end - start > limits.maxHeaderBlockBytes)
      throw new ConnectionError(ErrorCode.EnhanceYourCalm, `a header block over ${limits.maxHeaderBlockBytes} bytes`);
    try {
      return decoder.decode(buffer, start, end, limits.maxHeaderListBytes);
    } catch (error) {
      if (error instanceof HpackError) throw new ConnectionError(ErrorCode.CompressionError, error.message);
      throw error;
    }
  }

  #request(streamId: number, block: DecodedBlock, end: boolean): void {
    const connection = this.#connection;
    connection.lastPeerId = streamId;
    if (streamId > connection.ending.lastAccepted) return;
    if (connection.active >= connection.limits.maxConcurrentStreams) {
      this.#receiver.countReset();
      return connection.reset(streamId, ErrorCode.RefusedStream);
    }
    const { fault, contentLength } = checkFields(block.fields, "request");
    if (block.tooLarge) return this.#tooLarge(streamId);
    if (fault !== undefined) throw new StreamError(streamId, ErrorCode.ProtocolError, fault);
    if (end && contentLength > 0)
      throw new StreamError(streamId, ErrorCode.ProtocolError, "a content-length and no content");
    const stream = new Stream(connection, streamId, nobody);
    stream.expected = contentLength;
    stream.remoteClosed = end;
    connection.streams.set(streamId, stream);
    connection.active++;
    if (connection.events.request === undefined) return stream.reset(ErrorCode.RefusedStream);
    stream.events = connection.events.request(stream, block.fields, end);
    // Answered or reset at once, before anybody could hear of it.
    if (stream.end !== undefined) stream.events.closed(stream.end);
  }

  /** A list over the limit is answered as HTTP asks, so that its sender learns why. */
  #tooLarge(streamId: number): void {
    this.#receiver.countReset();
    this.#connection.sender.headers(streamId, [tooLargeStatus], { end: true });
    this.#connection.reset(streamId, ErrorCode.NoError);
  }

  /** A header list on a stream that exists: a response to the client, or trailers. */
  #further(stream: Stream, block: DecodedBlock, end: boolean): void {
    const { id } = stream;
    if (stream.remoteClosed) throw new StreamError(id, ErrorCode.StreamClosed, "HEADERS after the end of the stream");
    if (block.tooLarge)
      throw new StreamError(
        id,
        ErrorCode.EnhanceYourCalm,
        `a header list over ${this.#connection.limits.maxHeaderListBytes} bytes`,
      );
    const isResponse = this.#connection.role === "client" && !stream.responded;
    const { fault, contentLength, status } = checkFields(block.fields, isResponse ? "response" : "trailers");
    if (fault !== undefined) throw new StreamError(id, ErrorCode.ProtocolError, fault);
    const informational = isResponse && status < 200;
    if (informational && end)
      throw new StreamError(id, ErrorCode.ProtocolError, "an informational response that ends the stream");
    if (!isResponse && !end) throw new StreamError(id, ErrorCode.ProtocolError, "trailers that do not end the stream");
    if (isResponse && !informational) {
      stream.responded = true;
      // The answer to HEAD names a length and has no content.
      stream.expected = end ? -1 : contentLength;
    } else if (end && stream.expected > 0)
      throw new StreamError(id, ErrorCode.ProtocolError, "less DATA than content-length says");
    if (end) stream.remoteClosed = true;
    stream.events.headers(block.fields, end, informational ? "informational" : isResponse ? "headers" : "trailers");
    if (end) stream.endRemote();
  }
}

const tooLargeStatus = new HeaderField(":status", "431");

/** Hears of a stream until its handler is known. */
const nobody = { headers: () => {}, data: () => {}, writable: () => {}, closed: () => {} };
