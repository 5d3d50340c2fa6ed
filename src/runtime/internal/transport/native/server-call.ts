import { ErrorCode, HeaderField, type Stream, type StreamEvents } from "../../../../http2/index.ts";
import { Code } from "../../../code.ts";
import type { Headers, ServerCall, Status } from "../transport.ts";
import { Inbox } from "./inbox.ts";
import { messageHead, MessageReader, tooLarge } from "./messages.ts";
import { find, parseTimeout, statusFields, toFields, toHeaders } from "./metadata.ts";

export interface ServerCallSetup {
  stream: Stream;
  fields: readonly HeaderField[];
  peer: string;
  maxMessageBytes: number;
}

/** A call that came over a stream. */
export class NativeServerCall implements ServerCall {
  readonly method: string;
  readonly headers: Headers;
  readonly deadline: number | undefined;
  readonly peer: string;
  readonly messages: Inbox = new Inbox(() => {});
  readonly #stream: Stream;
  readonly #reader: MessageReader;
  readonly #mostBytes: number;
  #cancelled: AbortController | undefined;
  #over = false;
  #answered = false;
  #timer: NodeJS.Timeout | undefined;
  #writers: (() => void)[] = [];

  constructor({ stream, fields, peer, maxMessageBytes }: ServerCallSetup) {
    this.#stream = stream;
    stream.held = true;
    this.messages.stream = stream;
    this.#mostBytes = maxMessageBytes;
    this.#reader = new MessageReader(maxMessageBytes, (message, held) => this.messages.add(message, held));
    this.#reader.encoding = find(fields, "grpc-encoding") ?? "identity";
    this.method = find(fields, ":path") ?? "";
    this.headers = toHeaders(fields);
    this.peer = peer;
    const timeout = find(fields, "grpc-timeout");
    const ms = timeout === undefined ? undefined : parseTimeout(timeout);
    this.deadline = ms === undefined ? undefined : Date.now() + ms;
    if (ms !== undefined) this.#timer = setTimeout(() => this.#expire(), Math.min(ms, 2 ** 31 - 1));
  }

  get signal(): AbortSignal {
    this.#cancelled ??= new AbortController();
    if (this.#over && !this.#answered) this.#cancelled.abort();
    return this.#cancelled.signal;
  }

  #expire(): void {
    if (this.#over) return;
    this.#end({ code: Code.DeadlineExceeded, message: "deadline exceeded" }, []);
    this.#cancelled?.abort();
  }

  /** What the stream tells. Trailers of a request mean nothing in gRPC, but they end it. */
  get events(): StreamEvents {
    return {
      headers: () => this.messages.end(),
      data: (chunk, end) => this.data(chunk, end),
      writable: () => this.writable(),
      closed: () => this.closed(),
    };
  }

  data(chunk: Buffer, end: boolean): void {
    if (this.#over) return this.#stream.consume(chunk.length);
    const fault = this.#reader.push(this.#stream, chunk);
    if (fault !== undefined) {
      this.#end(fault, []);
      this.#cancelled?.abort();
    } else if (end) this.messages.end();
  }

  writable(): void {
    const writers = this.#writers;
    this.#writers = [];
    for (const resolve of writers) resolve();
    if (this.#over) this.#stopPeer();
  }

  closed(): void {
    clearTimeout(this.#timer);
    if (!this.#over) {
      this.#over = true;
      this.#cancelled?.abort();
    }
    this.messages.end();
    this.writable();
  }

  sendHeaders(headers: Headers): void {
    if (this.#over || this.#stream.responded) return;
    this.#stream.responded = true;
    this.#stream.sendHeaders(headers.length === 0 ? responseFields : [...responseFields, ...toFields(headers)]);
  }

  write(message: Uint8Array): Promise<void> {
    if (this.#over) return Promise.resolve();
    if (message.length > this.#mostBytes) {
      this.#end(tooLarge(this.#mostBytes), []);
      this.#cancelled?.abort();
      return Promise.resolve();
    }
    this.sendHeaders([]);
    if (this.#stream.write(message, false, messageHead(message.length))) return Promise.resolve();
    return new Promise((resolve) => this.#writers.push(resolve));
  }

  finish(status: Status, trailers: Headers): void {
    this.#end(status, trailers);
    // Its handler has ended: the stream counts no more.
    this.#stream.release();
  }

  #end(status: Status, trailers: Headers): void {
    if (this.#over) return;
    this.#over = true;
    this.#answered = true;
    clearTimeout(this.#timer);
    const fields = endFields(status, trailers);
    this.#stream.sendHeaders(this.#stream.responded ? fields : [...responseFields, ...fields], true);
    this.#stopPeer();
    this.messages.end();
  }

  /** The answer is complete; the rest of the request is not wanted. */
  #stopPeer(): void {
    if (!this.#stream.closed && this.#stream.localClosed) this.#stream.reset(ErrorCode.NoError);
  }
}

const responseFields = [new HeaderField(":status", "200"), new HeaderField("content-type", "application/grpc+proto")];

/** Trailers that cannot be sent must not leave the call without an end. */
function endFields(status: Status, trailers: Headers): HeaderField[] {
  try {
    return [...statusFields(status), ...toFields(trailers)];
  } catch (error) {
    return statusFields({ code: Code.Internal, message: error instanceof Error ? error.message : "bad trailers" });
  }
}
