import {
  ErrorCode,
  errorCodeName,
  HeaderField,
  type HeadersKind,
  type Stream,
  type StreamEnd,
  type StreamEvents,
} from "../../../../http2/index.ts";
import { Code } from "../../../code.ts";
import type { CallOptions, Headers, Outcome, WireMethod } from "../transport.ts";
import { codeOfHttp, codeOfReset, find, formatTimeout, statusOf, toFields, toHeaders } from "./metadata.ts";
import type { Session } from "./session.ts";

/** What a call begins with. */
export interface CallSetup {
  method: WireMethod;
  headers: Headers;
  options: CallOptions;
}

const noHeaders: Headers = [];
const gzip = new HeaderField("grpc-encoding", "gzip");

/** What every call of a client does, whatever it carries: its stream, its deadline, and one outcome. */
export abstract class ClientStream implements StreamEvents {
  over = false;
  protected stream: Stream | undefined;
  protected session: Session | undefined;
  /** Requests of so many bytes and more go compressed. */
  protected gzipFrom = Infinity;
  /** What `grpc-encoding` named. */
  protected encoding: string | undefined;
  readonly #setup: CallSetup;
  #timer: NodeJS.Timeout | undefined;
  #onAbort: (() => void) | undefined;

  constructor(setup: CallSetup) {
    this.#setup = setup;
  }

  /** Sends what the call has to say when its stream begins. */
  protected abstract begin(stream: Stream): void;
  /** A chunk of the answer; returns why the call cannot go on. */
  protected abstract take(chunk: Buffer): { code: number; message: string } | undefined;
  /** Why what came is no whole answer; undefined when it is one. */
  protected abstract incomplete(): string | undefined;
  /** The call's one outcome. */
  protected abstract ended(outcome: Outcome): void;
  abstract writable(): void;

  /** Called once, when the subclass is ready to end: the signal or deadline may have passed already. */
  protected watch(): void {
    const { deadline, signal } = this.#setup.options;
    if (signal !== undefined) {
      if (signal.aborted) return this.cancel();
      this.#onAbort = () => this.cancel();
      signal.addEventListener("abort", this.#onAbort, { once: true });
    }
    if (deadline === undefined) return;
    const ms = Math.min(deadline - Date.now(), 2 ** 31 - 1);
    this.#timer = setTimeout(expire, Math.max(0, ms), this);
  }

  /** Begins the stream; there is room for it. */
  start(session: Session): void {
    if (this.over) return;
    const { method, headers, options } = this.#setup;
    try {
      let more: HeaderField[] | undefined;
      if (headers.length > 0) more = toFields(headers);
      if (options.deadline !== undefined)
        (more ??= []).push(new HeaderField("grpc-timeout", formatTimeout(options.deadline - Date.now())));
      this.session = session;
      this.gzipFrom = session.gzipFrom;
      if (this.gzipFrom < Infinity) (more ??= []).push(gzip);
      this.stream = session.http2.open(session.request(method.path), this, { more });
    } catch (error) {
      return this.fail(Code.Internal, error instanceof Error ? error.message : String(error));
    }
    this.begin(this.stream);
  }

  cancel(): void {
    this.fail(Code.Cancelled, "cancelled");
  }

  headers(fields: readonly HeaderField[], end: boolean, kind: HeadersKind): void {
    const session = this.session as Session;
    session.answers++;
    if (kind === "headers" && fields !== session.goodHeaders) {
      if (!this.#accept(fields)) return;
      if (this.encoding === undefined && !end) session.goodHeaders = fields;
    }
    if (end) this.#trailers(fields, session);
  }

  /** Whether it is gRPC that answers. */
  #accept(fields: readonly HeaderField[]): boolean {
    const status = Number(find(fields, ":status"));
    const type = find(fields, "content-type");
    const isGrpc = status === 200 && type?.startsWith("application/grpc") === true;
    if (!isGrpc && statusOf(fields) === undefined) {
      const code = status === 200 ? Code.Unknown : codeOfHttp(status);
      this.fail(code, `the server answered with HTTP ${status} and content-type ${type ?? "none"}, not with gRPC`);
      return false;
    }
    this.encoding = find(fields, "grpc-encoding");
    return true;
  }

  #trailers(fields: readonly HeaderField[], session: Session): void {
    if (fields === session.goodTrailers) return this.#succeed(noHeaders);
    const trailers = toHeaders(fields);
    const status = statusOf(fields) ?? { code: Code.Unknown, message: "the answer ended without a status" };
    if (status.code === Code.Unimplemented) session.heedEncodings(find(fields, "grpc-accept-encoding"));
    if (status.code !== Code.Ok) return this.#finish({ ...status, trailers, unprocessed: false });
    if (trailers.length === 0 && status.message === "") session.goodTrailers = fields;
    this.#succeed(trailers);
  }

  #succeed(trailers: Headers): void {
    const message = this.incomplete();
    if (message === undefined) this.#finish({ code: Code.Ok, message: "", trailers, unprocessed: false });
    else this.#finish({ code: Code.Internal, message, trailers, unprocessed: false });
  }

  data(chunk: Buffer, end: boolean): void {
    if (this.over) return;
    (this.session as Session).answers++;
    const fault = this.take(chunk);
    if (fault !== undefined) this.fail(fault.code, fault.message);
    else if (end) this.fail(Code.Unknown, "the answer ended without a status");
  }

  closed({ code, message, remote, unprocessed }: StreamEnd): void {
    if (this.over) return;
    if (unprocessed) return this.fail(Code.Unavailable, message, true);
    // The callee's clock may be the first to notice.
    if (code === ErrorCode.Cancel && (this.#setup.options.deadline ?? Infinity) <= Date.now()) return expire(this);
    // A broken connection says nothing of the call.
    const broke = this.stream?.connection.closed === true;
    const text = broke || !remote ? message : `the server reset the call: ${errorCodeName(code)}`;
    this.fail(broke ? Code.Unavailable : codeOfReset(code), text);
  }

  /** Ends the call from this side. */
  fail(code: number, message: string, unprocessed = false): void {
    this.#finish({ code, message, trailers: noHeaders, unprocessed });
  }

  #finish(outcome: Outcome): void {
    if (this.over) return;
    this.over = true;
    if (this.#timer !== undefined) clearTimeout(this.#timer);
    if (this.#onAbort !== undefined) this.#setup.options.signal?.removeEventListener("abort", this.#onAbort);
    const { stream } = this;
    // Unless both sides have said all, the peer hears of the end.
    if (stream?.closed === false && !(stream.localClosed && stream.remoteClosed))
      stream.reset(outcome.code === Code.Ok ? ErrorCode.NoError : ErrorCode.Cancel);
    this.ended(outcome);
  }
}

function expire(call: ClientStream): void {
  call.fail(Code.DeadlineExceeded, "deadline exceeded");
}
