import { gunzipSync, gzipSync } from "node:zlib";
import type { Stream } from "../../../../http2/index.ts";
import { Code } from "../../../code.ts";
import type { Status } from "../transport.ts";

/** Takes a message, the bytes of the stream's window that it still holds, and whether it is compressed. */
type Take = (message: Uint8Array, heldBytes: number, packed: boolean) => void;

/**
 * gRPC's messages in DATA: a flag, four bytes of length, the message. One that lies whole in a chunk is handed on where
 * it lies; one that spans chunks is gathered, its window given back as it comes.
 */
export class MessageReader {
  /** What `grpc-encoding` named. */
  encoding = "identity";
  readonly #mostBytes: number;
  readonly #take: Take;
  /** A message's head that was split, and how much of it came. */
  #head: Buffer | undefined;
  #headBytes = 0;
  #flag = 0;
  #size = 0;
  #body: Buffer | undefined;
  #bodyBytes = 0;

  constructor(mostBytes: number, take: Take) {
    this.#mostBytes = mostBytes;
    this.#take = take;
  }

  /** Whether no message has begun that is not complete. */
  get complete(): boolean {
    return this.#body === undefined && this.#headBytes === 0;
  }

  /** Takes a chunk; returns why the call cannot go on. */
  push(stream: Stream, chunk: Buffer): Status | undefined {
    let at = 0;
    while (at < chunk.length) {
      const size = this.complete && chunk.length - at >= 5 ? sizeAt(chunk, at) : Infinity;
      if (chunk.length - at - 5 >= size) {
        const flag = chunk[at] as number;
        const fault = this.#check(flag, size);
        if (fault !== undefined) return fault;
        this.#take(chunk.subarray(at + 5, at + 5 + size), 5 + size, flag === 1);
        at += 5 + size;
        continue;
      }
      const part = this.#gather(chunk, at);
      if (typeof part !== "number") return part;
      stream.consume(part);
      stream.keep(part);
      at += part;
      if (this.#body === undefined || this.#bodyBytes < this.#size) continue;
      const message = this.#body.subarray(0, this.#size);
      this.#body = undefined;
      this.#headBytes = 0;
      stream.keep(-5 - this.#size);
      this.#take(message, 0, this.#flag === 1);
    }
    return undefined;
  }

  #gather(chunk: Buffer, from: number): number | Status {
    let at = from;
    if (this.#body === undefined) {
      const head = (this.#head ??= Buffer.allocUnsafe(5));
      at += chunk.copy(head, this.#headBytes, at, Math.min(chunk.length, at + 5 - this.#headBytes));
      this.#headBytes += at - from;
      if (this.#headBytes < 5) return at - from;
      this.#flag = head[0] as number;
      this.#size = sizeAt(head, 0);
      const fault = this.#check(this.#flag, this.#size);
      if (fault !== undefined) return fault;
      // Memory follows what came, not what was announced.
      this.#body = Buffer.allocUnsafeSlow(Math.min(this.#size, 131_072));
      this.#bodyBytes = 0;
    }
    const part = Math.min(this.#size - this.#bodyBytes, chunk.length - at);
    if (this.#bodyBytes + part > this.#body.length) {
      const length = Math.min(this.#size, Math.max(this.#body.length * 2, this.#bodyBytes + part));
      const larger = Buffer.allocUnsafeSlow(length);
      this.#body.copy(larger, 0, 0, this.#bodyBytes);
      this.#body = larger;
    }
    chunk.copy(this.#body, this.#bodyBytes, at, at + part);
    this.#bodyBytes += part;
    return at + part - from;
  }

  #check(flag: number, size: number): Status | undefined {
    if (flag > 1) return { code: Code.Internal, message: `a message with flag ${flag}: this is not gRPC` };
    if (size > this.#mostBytes) return tooLarge(this.#mostBytes);
    if (flag === 1 && this.encoding !== "gzip")
      return { code: Code.Internal, message: `a compressed message, and its encoding "${this.encoding}" is not gzip` };
    return undefined;
  }
}

/** A message out of its gzip, or why there is none. */
export function unpack(message: Uint8Array, mostBytes: number): Uint8Array | Status {
  try {
    return gunzipSync(message, { maxOutputLength: mostBytes });
  } catch (error) {
    return error instanceof RangeError
      ? tooLarge(mostBytes)
      : { code: Code.Internal, message: "a compressed message is no gzip" };
  }
}

/** Writes a message to its stream, compressed when it has `gzipFrom` bytes and more. As `stream.write`. */
export function writeMessage(
  stream: Stream,
  message: Uint8Array,
  { gzipFrom, end }: { gzipFrom: number; end: boolean },
): boolean {
  if (message.length < gzipFrom) return stream.write(message, end, messageHead(message.length));
  const packed = gzipSync(message);
  return stream.write(packed, end, messageHead(packed.length, 1));
}

/** Whether a chunk is one message, whole and not compressed: nearly all chunks of calls with one answer are. */
export function isWholeMessage(chunk: Buffer, mostBytes: number): boolean {
  const size = chunk.length - 5;
  return size >= 0 && chunk[0] === 0 && size <= mostBytes && sizeAt(chunk, 0) === size;
}

function sizeAt(chunk: Buffer, at: number): number {
  return (
    (chunk[at + 1] as number) * 0x100_0000 +
    (((chunk[at + 2] as number) << 16) | ((chunk[at + 3] as number) << 8) | (chunk[at + 4] as number))
  );
}

/** The five bytes before a message; flag 1 for a compressed one. */
function messageHead(size: number, flag = 0): Uint8Array {
  head[0] = flag;
  head[1] = size >>> 24;
  head[2] = size >>> 16;
  head[3] = size >>> 8;
  head[4] = size;
  return head;
}

/** One for all: whoever sends it copies it at once. */
const head = Buffer.alloc(5);

export function tooLarge(most: number): Status {
  return { code: Code.ResourceExhausted, message: `a message is larger than ${most} bytes (maxMessageBytes)` };
}
