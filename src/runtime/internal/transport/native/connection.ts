import { connect, type Socket } from "node:net";
import { Connection as Http2, HeaderField } from "../../../../http2/index.ts";
import { Code } from "../../../code.ts";
import {
  defaultMaxMessageBytes,
  type CallOptions,
  type ClientCall,
  type Connection,
  type ConnectionState,
  type ConnectOptions,
  type Endpoint,
  type Headers,
  type UnaryOutcome,
  type WireMethod,
} from "../transport.ts";
import { NativeClientCall } from "./client-call.ts";

const connectTimeoutMs = 10_000;

/** Our own HTTP/2 to one endpoint: one connection at a time, made with the first call that needs it. */
export class NativeConnection implements Connection {
  readonly endpoint: Endpoint;
  readonly #maxMessageBytes: number;
  readonly #common: readonly HeaderField[];
  readonly #userAgent: HeaderField;
  #http2: Http2 | undefined;
  #socket: Socket | undefined;
  #failed = false;
  #closed = false;
  /** Calls for which there is no stream yet. */
  #waiting: NativeClientCall[] = [];

  constructor(endpoint: Endpoint, options: ConnectOptions = {}) {
    this.endpoint = endpoint;
    this.#maxMessageBytes = options.maxMessageBytes ?? defaultMaxMessageBytes;
    const host = endpoint.host.includes(":") ? `[${endpoint.host}]` : endpoint.host;
    this.#common = [
      new HeaderField(":method", "POST"),
      new HeaderField(":scheme", "http"),
      new HeaderField(":authority", `${host}:${endpoint.port}`),
    ];
    this.#userAgent = new HeaderField("user-agent", `${options.userAgent ?? "flow"} flow-native`);
  }

  get state(): ConnectionState {
    if (this.#closed) return "closed";
    if (this.#http2?.ready === true) return "ready";
    if (this.#socket !== undefined) return "connecting";
    return this.#failed ? "failing" : "idle";
  }

  call(method: WireMethod, headers: Headers, options: CallOptions): ClientCall {
    return this.#begin(method, headers, options);
  }

  async unary(method: WireMethod, headers: Headers, request: Uint8Array, options: CallOptions): Promise<UnaryOutcome> {
    const call = this.#begin(method, headers, options);
    void call.write(request);
    call.end();
    let response: Uint8Array | undefined;
    let count = 0;
    for await (const message of call.messages) {
      count++;
      response = message;
    }
    const outcome = await call.outcome;
    if (outcome.code !== Code.Ok) return { ...outcome, response: undefined };
    if (count === 1) return { ...outcome, response };
    return {
      ...outcome,
      code: Code.Internal,
      message: `the server sent ${count === 0 ? "no answer" : `${count} answers to one request`}`,
      response: undefined,
    };
  }

  #begin(method: WireMethod, headers: Headers, options: CallOptions): NativeClientCall {
    const call = new NativeClientCall({
      method,
      headers,
      options,
      common: this.#common,
      userAgent: this.#userAgent,
      maxMessageBytes: this.#maxMessageBytes,
    });
    if (this.#closed) call.fail(Code.Unavailable, "the connection was closed: the instance is gone", true);
    else {
      this.#waiting.push(call);
      this.#pump();
    }
    return call;
  }

  #pump(): void {
    if (this.#http2 === undefined) {
      if (this.#socket === undefined && this.#waiting.length > 0) this.#connect();
      return;
    }
    while (this.#waiting.length > 0 && this.#http2?.ready === true && this.#http2.canOpen)
      this.#waiting.shift()?.start(this.#http2);
  }

  #connect(): void {
    const socket = connect({ host: this.endpoint.host, port: this.endpoint.port, noDelay: true });
    this.#socket = socket;
    const failed = (why: string) => {
      if (this.#socket !== socket) return;
      this.#socket = undefined;
      this.#http2 = undefined;
      this.#failed = true;
      socket.destroy();
      for (const call of this.#waiting.splice(0))
        call.fail(Code.Unavailable, `No connection established: ${why}`, true);
    };
    const timer = setTimeout(() => failed("connecting took too long"), connectTimeoutMs).unref();
    socket
      .once("error", (error) => failed(error.message))
      .once("close", () => clearTimeout(timer))
      .once("connect", () => {
        clearTimeout(timer);
        const http2: Http2 = new Http2(socket, {
          role: "client",
          events: {
            ready: () => {
              this.#failed = false;
              this.#pump();
            },
            streamClosed: () => this.#pump(),
            draining: () => this.#leave(http2),
            closed: ({ message }) => {
              if (!http2.ready) return failed(message);
              this.#leave(http2);
            },
          },
        });
        this.#http2 = http2;
      });
  }

  /** Calls from now on go over another connection. */
  #leave(http2: Http2): void {
    if (this.#http2 !== http2) return;
    this.#http2 = undefined;
    this.#socket = undefined;
    if (this.#closed)
      for (const call of this.#waiting.splice(0)) call.fail(Code.Unavailable, "the connection was closed", true);
    else this.#pump();
  }

  close(force = false): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const call of this.#waiting.splice(0)) call.fail(Code.Unavailable, "the connection was closed", true);
    if (force) this.#http2?.close();
    else this.#http2?.drain();
    if (this.#http2 === undefined) this.#socket?.destroy();
  }
}
