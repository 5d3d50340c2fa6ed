import type { Socket } from "node:net";
import { Connection as Http2 } from "../../../../http2/index.ts";
import { Code } from "../../../code.ts";
import {
  defaultMaxMessageBytes,
  type CallOptions,
  type ClientCall,
  type ClientTls,
  type Connection,
  type ConnectionState,
  type ConnectOptions,
  type Endpoint,
  type Headers,
  type UnaryOutcome,
  type WireMethod,
} from "../transport.ts";
import type { ClientStream } from "./client-stream.ts";
import { Keepalive, PingAllowance, tooManyPings } from "./keepalive.ts";
import { Session, type Caller } from "./session.ts";
import { openSocket } from "./socket.ts";
import { StreamingCall } from "./streaming-call.ts";
import { UnaryCall } from "./unary-call.ts";

/** Our own HTTP/2 to one endpoint: one connection at a time, made with the first call that needs it. */
export class NativeConnection implements Connection {
  readonly endpoint: Endpoint;
  readonly #caller: Caller;
  readonly #tls: ClientTls | undefined;
  readonly #keepalive: { everyMs: number; timeoutMs: number };
  #session: Session | undefined;
  #socket: Socket | undefined;
  #failed = false;
  #closed = false;
  /** Calls for which there is no stream yet. */
  #waiting: ClientStream[] = [];

  constructor(endpoint: Endpoint, options: ConnectOptions = {}) {
    this.endpoint = endpoint;
    this.#tls = options.tls;
    this.#keepalive = { everyMs: 10_000, timeoutMs: 10_000, ...options.keepalive };
    const host = endpoint.host.includes(":") ? `[${endpoint.host}]` : endpoint.host;
    this.#caller = {
      authority: `${host}:${endpoint.port}`,
      scheme: options.tls === undefined ? "http" : "https",
      userAgent: `${options.userAgent ?? "flow"} flow-native`,
      maxMessageBytes: options.maxMessageBytes ?? defaultMaxMessageBytes,
      gzipFrom: options.gzipFromBytes ?? Infinity,
    };
  }

  get state(): ConnectionState {
    if (this.#closed) return "closed";
    if (this.#session?.http2.ready === true) return "ready";
    if (this.#socket !== undefined) return "connecting";
    return this.#failed ? "failing" : "idle";
  }

  call(method: WireMethod, headers: Headers, options: CallOptions): ClientCall {
    const call = new StreamingCall({ method, headers, options }, this.#caller.maxMessageBytes);
    this.#begin(call);
    return call;
  }

  unary(method: WireMethod, headers: Headers, request: Uint8Array, options: CallOptions): Promise<UnaryOutcome> {
    const call = new UnaryCall({ method, headers, options }, request, this.#caller.maxMessageBytes);
    this.#begin(call);
    return call.outcome;
  }

  #begin(call: ClientStream): void {
    if (this.#closed) return call.fail(Code.Unavailable, "the connection was closed: the instance is gone", true);
    const session = this.#session;
    if (session !== undefined && this.#waiting.length === 0 && session.http2.ready && session.http2.canOpen)
      return call.start(session);
    this.#waiting.push(call);
    this.#pump();
  }

  #pump(): void {
    const session = this.#session;
    if (session === undefined) {
      if (this.#socket === undefined && this.#waiting.length > 0) this.#connect();
      return;
    }
    // Starting one may end the connection.
    while (this.#waiting.length > 0 && this.#session === session && session.http2.ready && session.http2.canOpen)
      this.#waiting.shift()?.start(session);
  }

  #connect(): void {
    const failed = (why: string) => {
      if (this.#socket !== socket) return;
      this.#socket = undefined;
      this.#session = undefined;
      this.#failed = true;
      socket.destroy();
      for (const call of this.#waiting.splice(0))
        call.fail(Code.Unavailable, `No connection established: ${why}`, true);
    };
    const socket: Socket = openSocket(this.endpoint, this.#tls, {
      failed,
      connected: () => {
        let keepalive: Keepalive | undefined;
        const http2: Http2 = new Http2(socket, {
          role: "client",
          events: {
            ready: () => {
              this.#failed = false;
              this.#pump();
            },
            streamClosed: () => this.#pump(),
            draining: ({ debug }) => {
              // A8: who is told so asks half as often from then on.
              if (debug === tooManyPings) this.#keepalive.everyMs *= 2;
              this.#leave(http2);
            },
            closed: ({ message, remote }) => {
              keepalive?.stop();
              if (!http2.ready) return failed(remote ? `${message} before it spoke HTTP/2` : message);
              this.#leave(http2);
            },
          },
        });
        const session = new Session(http2, this.#caller);
        const allowance = new PingAllowance();
        keepalive = new Keepalive(http2, this.#keepalive, () => allowance.take(http2.streams.size, session.answers));
        this.#session = session;
      },
    });
    this.#socket = socket;
  }

  /** Calls from now on go over another connection. */
  #leave(http2: Http2): void {
    if (this.#session?.http2 !== http2) return;
    this.#session = undefined;
    this.#socket = undefined;
    if (this.#closed)
      for (const call of this.#waiting.splice(0)) call.fail(Code.Unavailable, "the connection was closed", true);
    else this.#pump();
  }

  close(force = false): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const call of this.#waiting.splice(0)) call.fail(Code.Unavailable, "the connection was closed", true);
    const http2 = this.#session?.http2;
    if (http2 === undefined) this.#socket?.destroy();
    else if (force) http2.close();
    else http2.drain();
  }
}
