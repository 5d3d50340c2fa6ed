import type { Socket } from "node:net";
import type { Limits } from "../../../http2/index.ts";

/**
 * The seam between the runtime and the wire. A transport carries a call over one connection to one endpoint and
 * knows nothing of discovery, retries, contexts or messages: requests and answers are bytes.
 */

export type CallKind = "unary" | "server_streaming" | "client_streaming" | "bidi_streaming";

/** A method as the wire sees it. */
export interface WireMethod {
  /** `/common.Product/Get` */
  readonly path: string;
  readonly kind: CallKind;
}

/** Header fields in order; names in lower case, `-bin` values are bytes. A name may occur more than once. */
export type Headers = readonly (readonly [name: string, value: string | Uint8Array])[];

export interface Status {
  code: number;
  message: string;
}

/** How a call ended. `unprocessed`: the peer has certainly not begun it, so that it may be repeated. */
export interface Outcome extends Status {
  trailers: Headers;
  unprocessed: boolean;
}

export interface UnaryOutcome extends Outcome {
  /** Present when the code is 0. */
  response: Uint8Array | undefined;
}

export interface CallOptions {
  /** Epoch ms. */
  deadline?: number;
  signal?: AbortSignal;
}

/** What a transport can tell beyond the minimum. The common suites skip what one cannot. */
export interface Capabilities {
  /** `Outcome.unprocessed` is exact (GOAWAY, REFUSED_STREAM), not only for connections that never were. */
  readonly knowsUnprocessed: boolean;
  /** A connection says when its peer is going away. */
  readonly knowsDraining: boolean;
  /** `listen` hands over calls of methods that are not in its table. */
  readonly acceptsUnknownMethods: boolean;
}

export type ConnectionState = "idle" | "connecting" | "ready" | "failing" | "draining" | "closed";

/** A call as its caller sees it. */
export interface ClientCall {
  /** Resolves when more may be written. Rejects never: a failure is the outcome. */
  write(message: Uint8Array): Promise<void>;
  end(): void;
  cancel(): void;
  /** Answers in order, with back-pressure; ends when the call does, whatever its outcome. */
  readonly messages: AsyncIterable<Uint8Array>;
  readonly outcome: Promise<Outcome>;
}

/** Connections to one endpoint. Connecting begins with the first call. */
export interface Connection {
  readonly endpoint: Endpoint;
  readonly state: ConnectionState;
  call(method: WireMethod, headers: Headers, options: CallOptions): ClientCall;
  /** One request, one answer: what most calls are, without the machinery of streams. */
  unary(method: WireMethod, headers: Headers, request: Uint8Array, options: CallOptions): Promise<UnaryOutcome>;
  /** Ends calls in flight with UNAVAILABLE when `force` is set, else lets them finish. */
  close(force?: boolean): void;
}

export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

/** A silent peer is asked whether it is there; one that does not answer is gone, and the calls on it are UNAVAILABLE. */
export interface KeepaliveOptions {
  /**
   * Ms of silence before the question, at most twice that. Default 10,000 for clients, which ask only while calls wait,
   * and never a second time within five minutes in which neither headers nor data came, so that no server takes it for
   * a flood; grpc-js keeps that rule only by asking every 310,000; 60,000 for servers. GRPC_ARG_KEEPALIVE_TIME_MS.
   */
  everyMs?: number;
  /** Ms for the answer, default 10,000 for clients, 20,000 for servers. GRPC_ARG_KEEPALIVE_TIMEOUT_MS. */
  timeoutMs?: number;
}

/** How a client trusts servers that speak TLS. Files are PEM and read with each new connection. */
export interface ClientTls {
  /** File of the authorities that are trusted, default those of the system. */
  ca?: string;
  /** Name that certificates must be for, default the endpoint's host. `grpc.ssl_target_name_override` in gRPC. */
  serverName?: string;
  /** Files of the certificate that is shown to servers which ask for one, and of its key. */
  cert?: string;
  key?: string;
}

export interface ConnectOptions {
  /** `user-agent` of the caller: the service's name. */
  userAgent?: string;
  /** Largest message either way in bytes, default 16 MiB. */
  maxMessageBytes?: number;
  /** Call with TLS; default without. */
  tls?: ClientTls;
  /** Requests of so many bytes and more go in gzip, default none. grpc-js sends all so, whatever their size. */
  gzipFromBytes?: number;
  keepalive?: KeepaliveOptions;
}

/** A call as the server sees it. */
export interface ServerCall {
  readonly method: string;
  readonly headers: Headers;
  /** Epoch ms; undefined without one. */
  readonly deadline: number | undefined;
  /** Aborted when the caller cancelled, the deadline passed or the connection broke. */
  readonly signal: AbortSignal;
  readonly peer: string;
  /** The one request of a method that takes one, from transports that wait for it; else read {@link messages}. */
  readonly request: Uint8Array | undefined;
  readonly messages: AsyncIterable<Uint8Array>;
  sendHeaders(headers: Headers): void;
  /** Resolves when more may be written, also when nobody reads any more. */
  write(message: Uint8Array): Promise<void>;
  finish(status: Status, trailers: Headers): void;
}

export type CallHandler = (call: ServerCall) => void;

/** The HTTP/2 side of a server whose sockets come from outside: from the shared port. */
export interface Listener {
  /** Takes a connection whose first bytes are the HTTP/2 preface; all of them must still be readable. */
  accept(socket: Socket): void;
  /** Refuses new connections, tells peers to go away, resolves when all calls ended or `graceMs` passed. */
  drain(graceMs: number): Promise<void>;
  close(): void;
}

export interface ListenOptions {
  methods: readonly WireMethod[];
  maxMessageBytes?: number;
  /** Answers of so many bytes and more go in gzip to callers that take it, default none. grpc-js never does. */
  gzipFromBytes?: number;
  keepalive?: KeepaliveOptions;
  /** Limits of each connection, default {@link defaultLimits} of `src/http2`; native alone. */
  limits?: Partial<Limits>;
  /**
   * Ms between two pings of a client when nothing was sent to it, default 300,000 with calls and two hours without; who
   * pings more often for the third time is told `too_many_pings`. grpc-js does not look. GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS.
   */
  minPingIntervalMs?: number;
  /**
   * Ms after which a connection is ended gracefully, give or take a tenth, so that callers spread anew over instances
   * and names; default never. GRPC_ARG_MAX_CONNECTION_AGE_MS.
   */
  maxConnectionAgeMs?: number;
  /** Ms that calls may take after that, default without limit. GRPC_ARG_MAX_CONNECTION_AGE_GRACE_MS. */
  maxConnectionAgeGraceMs?: number;
}

export interface Transport {
  readonly name: string;
  readonly capabilities: Capabilities;
  connect(endpoint: Endpoint, options?: ConnectOptions): Connection;
  listen(options: ListenOptions, handler: CallHandler): Listener;
}

export const defaultMaxMessageBytes: number = 16 * 1024 * 1024;
