import { ErrorCode, Flag, frameHeaderBytes, FrameType } from "../constants.ts";
import { ConnectionError } from "../errors.ts";

/** A frame's header and where its payload lies. One object serves for all frames of a connection. */
export interface Frame {
  type: number;
  flags: number;
  streamId: number;
  buffer: Buffer;
  /** The payload: `buffer[start, end)`. */
  start: number;
  end: number;
}

/**
 * Cuts what is read into frames. A frame that lies whole in one chunk is handed on where it lies. Of those that span
 * chunks, DATA comes in parts, each as a frame of its own, which means the same; others are gathered.
 */
export class FrameReader {
  readonly #mostBytes: number;
  readonly #take: (frame: Frame) => boolean;
  readonly #frame: Frame = { type: 0, flags: 0, streamId: 0, buffer: none, start: 0, end: 0 };
  readonly #header: Buffer = Buffer.allocUnsafe(frameHeaderBytes);
  #headerBytes = 0;
  #gathered: Buffer | undefined;
  #gatheredBytes = 0;
  /** What is still to come of a DATA frame, and its header. */
  #dataLeft = 0;
  #dataFlags = 0;
  #dataStream = 0;

  /** `take` returns false when no more frames are wanted. */
  constructor(mostBytes: number, take: (frame: Frame) => boolean) {
    this.#mostBytes = mostBytes;
    this.#take = take;
  }

  /** Type of the frame that has begun and is not complete; undefined between frames. */
  get begun(): number | undefined {
    if (this.#dataLeft > 0) return FrameType.Data;
    return this.#gathered === undefined ? (this.#headerBytes > 0 ? -1 : undefined) : this.#frame.type;
  }

  /** @throws ConnectionError FRAME_SIZE_ERROR, and what `take` throws */
  push(chunk: Buffer, from: number): void {
    let at = from;
    const { length } = chunk;
    if (this.#headerBytes > 0 || this.#gathered !== undefined) {
      at = this.#continue(chunk, at);
      if (at < 0) return;
    }
    if (this.#dataLeft > 0) {
      at = this.#dataPart(chunk, at);
      if (at < 0) return;
    }
    while (length - at >= frameHeaderBytes) {
      const size = this.#readHeader(chunk, at);
      if (length - at - frameHeaderBytes < size) break;
      at += frameHeaderBytes;
      if (!this.#deliver(chunk, at, size)) return;
      at += size;
    }
    if (at < length) this.#begin(chunk, at);
  }

  /** Goes on with the frame that the last chunk began; -1 when the chunk is used up or no more is wanted. */
  #continue(chunk: Buffer, from: number): number {
    let at = from;
    if (this.#gathered === undefined) {
      const part = Math.min(frameHeaderBytes - this.#headerBytes, chunk.length - at);
      chunk.copy(this.#header, this.#headerBytes, at, at + part);
      this.#headerBytes += part;
      at += part;
      if (this.#headerBytes < frameHeaderBytes) return -1;
      if (this.#isPlainData(this.#header, 0)) {
        this.#headerBytes = 0;
        return at;
      }
      this.#gathered = Buffer.allocUnsafeSlow(this.#readHeader(this.#header, 0));
      this.#gatheredBytes = 0;
      this.#headerBytes = 0;
    }
    const whole = this.#gathered;
    const part = Math.min(whole.length - this.#gatheredBytes, chunk.length - at);
    chunk.copy(whole, this.#gatheredBytes, at, at + part);
    this.#gatheredBytes += part;
    if (this.#gatheredBytes < whole.length) return -1;
    this.#gathered = undefined;
    return this.#deliver(whole, 0, whole.length) ? at + part : -1;
  }

  /** Keeps the start of a frame whose rest comes with a later chunk. */
  #begin(chunk: Buffer, at: number): void {
    const rest = chunk.length - at;
    if (rest < frameHeaderBytes) {
      chunk.copy(this.#header, 0, at);
      this.#headerBytes = rest;
      return;
    }
    if (this.#isPlainData(chunk, at)) {
      if (rest > frameHeaderBytes) this.#dataPart(chunk, at + frameHeaderBytes);
      return;
    }
    this.#gathered = Buffer.allocUnsafeSlow(this.#readHeader(chunk, at));
    this.#gatheredBytes = chunk.copy(this.#gathered, 0, at + frameHeaderBytes);
  }

  /** Whether a DATA frame without padding begins there whose payload is still to come; its header is noted then. */
  #isPlainData(buffer: Buffer, at: number): boolean {
    const size = this.#readHeader(buffer, at);
    const { type, flags, streamId } = this.#frame;
    if (type !== FrameType.Data || (flags & Flag.Padded) !== 0 || size === 0) return false;
    this.#dataLeft = size;
    this.#dataFlags = flags;
    this.#dataStream = streamId;
    return true;
  }

  /** Hands on what a chunk has of a DATA frame; -1 when no more is wanted. */
  #dataPart(chunk: Buffer, at: number): number {
    const part = Math.min(this.#dataLeft, chunk.length - at);
    if (part === 0) return at;
    this.#dataLeft -= part;
    const frame = this.#frame;
    frame.type = FrameType.Data;
    // The stream ends with the last part.
    frame.flags = this.#dataLeft > 0 ? this.#dataFlags & ~Flag.EndStream : this.#dataFlags;
    frame.streamId = this.#dataStream;
    return this.#deliver(chunk, at, part) ? at + part : -1;
  }

  #readHeader(buffer: Buffer, at: number): number {
    const size = ((buffer[at] as number) << 16) | ((buffer[at + 1] as number) << 8) | (buffer[at + 2] as number);
    const frame = this.#frame;
    frame.type = buffer[at + 3] as number;
    frame.flags = buffer[at + 4] as number;
    frame.streamId =
      (((buffer[at + 5] as number) & 0x7f) << 24) |
      ((buffer[at + 6] as number) << 16) |
      ((buffer[at + 7] as number) << 8) |
      (buffer[at + 8] as number);
    if (size > this.#mostBytes)
      throw new ConnectionError(
        ErrorCode.FrameSizeError,
        `a frame of ${size} bytes, where ${this.#mostBytes} are allowed (SETTINGS_MAX_FRAME_SIZE)`,
      );
    return size;
  }

  #deliver(buffer: Buffer, start: number, size: number): boolean {
    const frame = this.#frame;
    frame.buffer = buffer;
    frame.start = start;
    frame.end = start + size;
    return this.#take(frame);
  }
}

const none = Buffer.alloc(0);

/** Takes padding off DATA or HEADERS: RFC 9113 section 6.1. */
export function removePadding(frame: Frame): void {
  if (frame.start >= frame.end)
    throw new ConnectionError(ErrorCode.FrameSizeError, "a padded frame without its pad length");
  const padding = frame.buffer[frame.start++] as number;
  frame.end -= padding;
  if (frame.end < frame.start)
    throw new ConnectionError(
      ErrorCode.ProtocolError,
      `a ${frame.type === FrameType.Data ? "DATA" : "HEADERS"} frame with more padding than payload`,
    );
}
