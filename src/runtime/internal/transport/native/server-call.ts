import {
  ErrorCode,
  HeaderField,
  type PreparedFields,
  type Stream,
  type StreamEvents,
} from "../../../../http2/index.ts";
import { Code } from "../../../code.ts";
import type { CallHandler, Headers, ServerCall, Status } from "../transport.ts";
import { Inbox } from "./inbox.ts";
import { isWholeMessage, MessageReader, tooLarge, unpack, writeMessage } from "./messages.ts";
import { parseTimeout, statusFields, toFields, toHeaders } from "./metadata.ts";
import type { RequestHead } from "./request-head.ts";

/** What the calls of one connection share. */
export interface ServerSession {
  peer: string;
  /** The connection speaks TLS, which has HTTP/1.1 beside HTTP/2 by ALPN. */
  secure: boolean;
  maxMessageBytes: number;
  /** Answers of so many bytes and more go compressed to callers that take it. */
  gzipFrom: number;
  handler: CallHandler;
  /** The header list that begins an answer, and the one that ends a good one. */
  response: PreparedFields;
  success: PreparedFields;
}

export interface Request {
  fields: readonly HeaderField[];
  head: RequestHead;
  /** Whether the method takes one request: its handler begins when that is there, whole. */
  single: boolean;
}

/** A call that came over a stream. */
export class NativeServerCall implements ServerCall {
  readonly method: string;
  readonly deadline: number | undefined;
  request: Uint8Array | undefined;
  readonly #session: ServerSession;
  readonly #stream: Stream;
  readonly #fields: readonly HeaderField[];
  readonly #single: boolean;
  readonly #encoding: string | undefined;
  readonly #acceptsGzip: boolean;
  #headers: Headers | undefined;
  #inbox: Inbox | undefined;
  #reader: MessageReader | undefined;
  #requests = 0;
  #packed = false;
  #cancelled: AbortController | undefined;
  #over = false;
  #answered = false;
  #timer: NodeJS.Timeout | undefined;
  #writers: (() => void)[] | undefined;

  constructor(session: ServerSession, stream: Stream, { fields, head, single }: Request) {
    this.#session = session;
    this.#stream = stream;
    this.#fields = fields;
    this.#single = single;
    this.#encoding = head.encoding;
    this.#acceptsGzip = head.acceptsGzip;
    this.method = head.path;
    const ms = head.timeout === undefined ? undefined : parseTimeout(head.timeout);
    this.deadline = ms === undefined ? undefined : Date.now() + ms;
    if (ms !== undefined) this.#timer = setTimeout(expire, Math.min(ms, 2 ** 31 - 1), this);
  }

  /** Begins: `end` when there is no request at all. */
  start(end: boolean): void {
    if (!this.#single) this.#handle();
    if (end) this.requestsEnd();
  }

  #handle(): void {
    // The stream counts until its handler has ended, whatever becomes of the stream.
    this.#stream.held = true;
    this.#session.handler(this);
  }

  get peer(): string {
    return this.#session.peer;
  }

  get headers(): Headers {
    return (this.#headers ??= toHeaders(this.#fields));
  }

  get signal(): AbortSignal {
    this.#cancelled ??= new AbortController();
    if (this.#over && !this.#answered) this.#cancelled.abort();
    return this.#cancelled.signal;
  }

  get messages(): Inbox {
    if (this.#inbox === undefined) {
      this.#inbox = new Inbox({ unpack: (message) => this.#unpack(message) });
      this.#inbox.stream = this.#stream;
      if (this.request !== undefined) this.#inbox.add(this.request, 0, false);
      if (this.#single || this.#over || this.#stream.remoteClosed) this.#inbox.end();
    }
    return this.#inbox;
  }

  /** Whether answers may be compressed: we would, and the caller takes it. */
  get #gzips(): boolean {
    return this.#session.gzipFrom < Infinity && this.#acceptsGzip;
  }

  /** The deadline has passed. */
  expire(): void {
    if (!this.#over) this.#abort({ code: Code.DeadlineExceeded, message: "deadline exceeded" });
  }

  /** Ends a call whose handler has not. */
  #abort(status: Status): void {
    this.#end(status, []);
    this.#cancelled?.abort();
  }

  data(chunk: Buffer, end: boolean): void {
    if (this.#over) return this.#stream.consume(chunk.length);
    const fault = this.#take(chunk);
    if (fault !== undefined) this.#abort(fault);
    else if (end) this.requestsEnd();
  }

  #take(chunk: Buffer): Status | undefined {
    if (!this.#single)
      return this.#readerFor((message, held, packed) => this.messages.add(message, held, packed), chunk);
    if (this.#reader !== undefined || !isWholeMessage(chunk, this.#session.maxMessageBytes))
      return this.#readerFor((message, held, packed) => this.#keep(message, held, packed), chunk);
    this.#keep(chunk.subarray(5), chunk.length, false);
    return undefined;
  }

  #readerFor(take: (message: Uint8Array, held: number, packed: boolean) => void, chunk: Buffer): Status | undefined {
    if (chunk.length === 0) return undefined;
    if (this.#reader === undefined) {
      this.#reader = new MessageReader(this.#session.maxMessageBytes, take);
      this.#reader.encoding = this.#encoding ?? "identity";
    }
    return this.#reader.push(this.#stream, chunk);
  }

  #keep(message: Uint8Array, held: number, packed: boolean): void {
    this.#requests++;
    this.request = message;
    this.#packed = packed;
    this.#stream.consume(held);
  }

  #unpack(message: Uint8Array): Uint8Array | undefined {
    const unpacked = unpack(message, this.#session.maxMessageBytes);
    if (!("code" in unpacked)) return unpacked;
    this.#abort(unpacked);
    return undefined;
  }

  /** No more requests come. */
  requestsEnd(): void {
    if (this.#over) return;
    if (this.#reader?.complete === false)
      return this.#abort({ code: Code.Internal, message: "the request ended inside a message" });
    if (!this.#single) return this.messages.end();
    if (this.#requests === 1) {
      if (this.#packed) this.request = this.#unpack(this.request as Uint8Array);
      if (!this.#over) this.#handle();
      return;
    }
    const came = this.#requests === 0 ? "without a request" : `with ${this.#requests} requests`;
    this.#abort({ code: Code.Internal, message: `${this.method} was called ${came}` });
  }

  writable(): void {
    this.#wakeWriters();
    if (this.#over) this.#stopPeer();
  }

  #wakeWriters(): void {
    const writers = this.#writers;
    if (writers === undefined) return;
    this.#writers = undefined;
    for (const resolve of writers) resolve();
  }

  closed(): void {
    if (this.#timer !== undefined) clearTimeout(this.#timer);
    if (!this.#over) {
      this.#over = true;
      this.#cancelled?.abort();
    }
    this.#inbox?.end();
    this.#wakeWriters();
  }

  sendHeaders(headers: Headers): void {
    if (this.#over || this.#stream.responded) return;
    this.#stream.responded = true;
    const { response } = this.#session;
    if (this.#gzips) this.#stream.sendHeaders([...response.fields, gzip, ...toFields(headers)]);
    else this.#stream.sendHeaders(headers.length === 0 ? response : [...response.fields, ...toFields(headers)]);
  }

  write(message: Uint8Array): Promise<void> {
    if (this.#over) return done;
    if (message.length > this.#session.maxMessageBytes) {
      this.#abort(tooLarge(this.#session.maxMessageBytes));
      return done;
    }
    if (!this.#stream.responded) this.sendHeaders(noHeaders);
    const gzipFrom = this.#gzips ? this.#session.gzipFrom : Infinity;
    if (writeMessage(this.#stream, message, { gzipFrom, end: false })) return done;
    return new Promise((resolve) => (this.#writers ??= []).push(resolve));
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
    if (this.#timer !== undefined) clearTimeout(this.#timer);
    const { response, success } = this.#session;
    const { responded } = this.#stream;
    if (responded && status.code === Code.Ok && status.message === "" && trailers.length === 0)
      this.#stream.sendHeaders(success, true);
    else {
      const fields = endFields(status, trailers);
      this.#stream.sendHeaders(responded ? fields : [...response.fields, ...fields], true);
    }
    this.#stopPeer();
    this.#inbox?.end();
  }

  /** The answer is complete; the rest of the request is not wanted. */
  #stopPeer(): void {
    if (!this.#stream.closed && this.#stream.localClosed) this.#stream.reset(ErrorCode.NoError);
  }
}

const done = Promise.resolve();
const gzip = new HeaderField("grpc-encoding", "gzip");
const noHeaders: Headers = [];

/** Passes on what the stream of a call tells. */
export class ServerCallEvents implements StreamEvents {
  readonly #call: NativeServerCall;

  constructor(call: NativeServerCall) {
    this.#call = call;
  }

  headers(): void {
    // Trailers of a request mean nothing in gRPC, but they end it.
    this.#call.requestsEnd();
  }

  data(chunk: Buffer, end: boolean): void {
    this.#call.data(chunk, end);
  }

  writable(): void {
    this.#call.writable();
  }

  closed(): void {
    this.#call.closed();
  }
}

function expire(call: NativeServerCall): void {
  call.expire();
}

/** Trailers that cannot be sent must not leave the call without an end. */
function endFields(status: Status, trailers: Headers): HeaderField[] {
  try {
    return [...statusFields(status), ...toFields(trailers)];
  } catch (error) {
    return statusFields({ code: Code.Internal, message: error instanceof Error ? error.message : "bad trailers" });
  }
}
