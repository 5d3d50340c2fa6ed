import {
  ErrorCode,
  errorCodeName,
  HeaderField,
  type Connection,
  type HeadersKind,
  type Stream,
  type StreamEnd,
  type StreamEvents,
} from "../../../../http2/index.ts";
import { Code } from "../../../code.ts";
import type { CallOptions, ClientCall, Headers, Outcome, WireMethod } from "../transport.ts";
import { Inbox } from "./inbox.ts";
import { messageHead, MessageReader, tooLarge } from "./messages.ts";
import { codeOfHttp, codeOfReset, find, formatTimeout, statusOf, toFields, toHeaders } from "./metadata.ts";

export interface CallSetup {
  method: WireMethod;
  headers: Headers;
  options: CallOptions;
  /** Pseudo-header fields that are the same for every call of this connection. */
  common: readonly HeaderField[];
  userAgent: HeaderField;
  maxMessageBytes: number;
}

/** A call over a stream that a connection gives it when there is room. */
export class NativeClientCall implements ClientCall, StreamEvents {
  readonly outcome: Promise<Outcome>;
  readonly messages: Inbox = new Inbox(() => this.cancel());
  ended = false;
  readonly #setup: CallSetup;
  readonly #reader: MessageReader;
  #stream: Stream | undefined;
  #resolve: (outcome: Outcome) => void;
  #early: (() => void)[] = [];
  #writers: (() => void)[] = [];
  #trailers: Headers = [];
  #grpc = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(setup: CallSetup) {
    this.#setup = setup;
    this.#reader = new MessageReader(setup.maxMessageBytes, (message, held) => this.messages.add(message, held));
    const { promise, resolve } = Promise.withResolvers<Outcome>();
    this.outcome = promise;
    this.#resolve = resolve;
    const { deadline, signal } = setup.options;
    if (signal?.aborted === true) this.cancel();
    else signal?.addEventListener("abort", this.#abort, { once: true });
    if (deadline !== undefined && !this.ended) {
      const ms = Math.min(deadline - Date.now(), 2 ** 31 - 1);
      this.#timer = setTimeout(() => this.fail(Code.DeadlineExceeded, "deadline exceeded"), Math.max(0, ms));
    }
  }

  readonly #abort = (): void => this.cancel();

  /** Begins the stream; what was written before goes out with it. */
  start(connection: Connection): void {
    if (this.ended) return;
    const { method, headers, options, common, userAgent } = this.#setup;
    try {
      const fields = [...common, pathField(method.path)];
      if (options.deadline !== undefined)
        fields.push(new HeaderField("grpc-timeout", formatTimeout(options.deadline - Date.now())));
      fields.push(...regular, userAgent, ...toFields(headers));
      this.#stream = connection.open(fields, this);
      this.messages.stream = this.#stream;
    } catch (error) {
      return this.fail(Code.Internal, error instanceof Error ? error.message : String(error));
    }
    for (const act of this.#early) act();
    this.#early = [];
  }

  write(message: Uint8Array): Promise<void> {
    if (this.ended) return Promise.resolve();
    if (message.length > this.#setup.maxMessageBytes) {
      const { code, message: text } = tooLarge(this.#setup.maxMessageBytes);
      this.fail(code, text);
      return Promise.resolve();
    }
    if (this.#stream === undefined)
      return new Promise((resolve) => this.#early.push(() => void this.write(message).then(resolve)));
    if (this.#stream.write(message, false, messageHead(message.length))) return Promise.resolve();
    return new Promise((resolve) => this.#writers.push(resolve));
  }

  end(): void {
    if (this.ended) return;
    if (this.#stream === undefined) this.#early.push(() => this.end());
    else this.#stream.write(none, true);
  }

  cancel(): void {
    this.fail(Code.Cancelled, "cancelled");
  }

  headers(fields: readonly HeaderField[], end: boolean, kind: HeadersKind): void {
    if (kind === "informational") return;
    if (kind === "headers") {
      const status = Number(find(fields, ":status"));
      const type = find(fields, "content-type");
      this.#grpc = status === 200 && type?.startsWith("application/grpc") === true;
      if (!this.#grpc && statusOf(fields) === undefined) {
        const code = status === 200 ? Code.Unknown : codeOfHttp(status);
        return this.fail(
          code,
          `the server answered with HTTP ${status} and content-type ${type ?? "none"}, not with gRPC`,
        );
      }
      this.#reader.encoding = find(fields, "grpc-encoding") ?? "identity";
    }
    if (!end) return;
    this.#trailers = toHeaders(fields);
    const status = statusOf(fields) ?? { code: Code.Unknown, message: "the answer ended without a status" };
    if (status.code === Code.Ok && !this.#reader.complete)
      this.fail(Code.Internal, "the answer ended inside a message");
    else this.#finish({ ...status, unprocessed: false });
  }

  data(chunk: Buffer, end: boolean): void {
    if (this.ended) return;
    const fault = this.#reader.push(this.#stream as Stream, chunk);
    if (fault !== undefined) this.fail(fault.code, fault.message);
    else if (end) this.fail(Code.Unknown, "the answer ended without a status");
  }

  writable(): void {
    const writers = this.#writers;
    this.#writers = [];
    for (const resolve of writers) resolve();
  }

  closed({ code, message, remote, unprocessed }: StreamEnd): void {
    if (this.ended) return;
    if (unprocessed) return this.#finish({ code: Code.Unavailable, message, unprocessed });
    // A broken connection says nothing of the call.
    const broke = this.#stream?.connection.closed === true;
    const text = broke || !remote ? message : `the server reset the call: ${errorCodeName(code)}`;
    this.#finish({ code: broke ? Code.Unavailable : codeOfReset(code), message: text, unprocessed: false });
  }

  /** Ends the call from this side. */
  fail(code: number, message: string, unprocessed = false): void {
    this.#finish({ code, message, unprocessed });
  }

  #finish(end: { code: number; message: string; unprocessed: boolean }): void {
    if (this.ended) return;
    this.ended = true;
    clearTimeout(this.#timer);
    this.#setup.options.signal?.removeEventListener("abort", this.#abort);
    if (this.#stream?.closed === false) {
      const stream = this.#stream;
      // Both sides have said all: there is nothing to end.
      if (!stream.localClosed || !stream.remoteClosed)
        stream.reset(end.code === Code.Ok ? ErrorCode.NoError : ErrorCode.Cancel);
    }
    this.messages.end();
    for (const act of this.#early.splice(0)) act();
    this.writable();
    this.#resolve({ ...end, trailers: this.#trailers });
  }
}

const none = Buffer.alloc(0);
const regular = [
  new HeaderField("te", "trailers"),
  new HeaderField("content-type", "application/grpc+proto"),
  new HeaderField("grpc-accept-encoding", "identity,gzip"),
];

const paths = new Map<string, HeaderField>();

/** One field per method, so that it is checked once. */
function pathField(path: string): HeaderField {
  let field = paths.get(path);
  if (field === undefined) {
    if (paths.size > 10_000) paths.clear();
    paths.set(path, (field = new HeaderField(":path", path)));
  }
  return field;
}
