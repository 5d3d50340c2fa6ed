import {
  Client,
  connectivityState,
  credentials,
  type CallOptions as GrpcCallOptions,
  type ChannelCredentials,
  type ServiceError,
  type StatusObject,
} from "@grpc/grpc-js";
import { readFileSync } from "node:fs";
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
  type Outcome,
  type UnaryOutcome,
  type WireMethod,
} from "../transport.ts";
import { asBytes, fromMetadata, toMetadata, unchanged } from "./headers.ts";

const states: Readonly<Record<number, ConnectionState>> = {
  [connectivityState.IDLE]: "idle",
  [connectivityState.CONNECTING]: "connecting",
  [connectivityState.READY]: "ready",
  [connectivityState.TRANSIENT_FAILURE]: "failing",
  [connectivityState.SHUTDOWN]: "closed",
};

/** One grpc-js client for one endpoint. */
export class GrpcJsConnection implements Connection {
  readonly endpoint: Endpoint;
  readonly #client: Client;
  #closed = false;

  constructor(endpoint: Endpoint, options: ConnectOptions = {}) {
    this.endpoint = endpoint;
    const host = endpoint.host.includes(":") ? `[${endpoint.host}]` : endpoint.host;
    const bytes = options.maxMessageBytes ?? defaultMaxMessageBytes;
    this.#client = new Client(`${host}:${endpoint.port}`, credentialsOf(options.tls), {
      "grpc.max_receive_message_length": bytes,
      "grpc.max_send_message_length": bytes,
      // Retries are decided above the seam, where all endpoints are known.
      "grpc.enable_retries": 0,
      "grpc.service_config_disable_resolution": 1,
      "grpc.initial_reconnect_backoff_ms": 100,
      "grpc.max_reconnect_backoff_ms": 2_000,
      "grpc.use_local_subchannel_pool": 1,
      "grpc.enable_http_proxy": 0,
      "grpc.keepalive_time_ms": options.keepalive?.everyMs ?? 310_000,
      "grpc.keepalive_timeout_ms": options.keepalive?.timeoutMs ?? 20_000,
      ...(options.gzipFromBytes === undefined ? {} : { "grpc.default_compression_algorithm": 2 }),
      ...(options.tls?.serverName === undefined
        ? {}
        : {
            "grpc.ssl_target_name_override": options.tls.serverName,
            "grpc.default_authority": options.tls.serverName,
          }),
      ...(options.userAgent === undefined ? {} : { "grpc.primary_user_agent": options.userAgent }),
    });
  }

  get state(): ConnectionState {
    return states[this.#client.getChannel().getConnectivityState(false)] ?? "closed";
  }

  unary(method: WireMethod, headers: Headers, request: Uint8Array, options: CallOptions): Promise<UnaryOutcome> {
    if (this.#closed) return Promise.resolve({ ...gone, response: undefined });
    return new Promise((resolve) => {
      let answer: Buffer | undefined;
      const call = this.#client.makeUnaryRequest(
        method.path,
        asBytes,
        unchanged,
        request,
        toMetadata(headers),
        grpcOptions(options),
        (_error, value) => {
          answer = value;
        },
      );
      // The status comes after the callback, whatever the outcome.
      call.on("status", (status: StatusObject) => {
        release();
        if (status.code === Code.Ok && answer === undefined)
          resolve({
            ...outcomeOf(status),
            code: Code.Internal,
            message: "the server sent no answer",
            response: undefined,
          });
        else resolve({ ...outcomeOf(status), response: answer });
      });
      const release = cancelWith(options.signal, () => call.cancel());
    });
  }

  call(method: WireMethod, headers: Headers, options: CallOptions): ClientCall {
    if (this.#closed) return endedCall(gone);
    const call = this.#client.makeBidiStreamRequest(
      method.path,
      asBytes,
      unchanged,
      toMetadata(headers),
      grpcOptions(options),
    );
    const release = cancelWith(options.signal, () => call.cancel());
    const outcome = new Promise<Outcome>((resolve) => {
      call.on("status", (status: StatusObject) => {
        release();
        resolve(outcomeOf(status));
      });
    });
    call.on("error", () => {}); // The outcome says it.
    return {
      outcome,
      messages: readAll(call),
      write: (message) =>
        new Promise((resolve) => {
          if (call.destroyed || call.writableEnded || call.write(message)) return resolve();
          const done = () => {
            call.off("drain", done);
            resolve();
          };
          call.once("drain", done);
          void outcome.then(done);
        }),
      end: () => void call.end(),
      cancel: () => call.cancel(),
    };
  }

  close(): void {
    this.#closed = true;
    this.#client.close();
  }
}

function credentialsOf(tls: ClientTls | undefined): ChannelCredentials {
  if (tls === undefined) return credentials.createInsecure();
  const read = (path: string | undefined) => (path === undefined ? null : readFileSync(path));
  return credentials.createSsl(read(tls.ca), read(tls.key), read(tls.cert));
}

/** A connection may be closed between its choice and its use; grpc-js would throw then. */
const gone: Outcome = {
  code: Code.Unavailable,
  message: "the connection was closed: the instance is gone",
  trailers: [],
  unprocessed: true,
};

function endedCall(outcome: Outcome): ClientCall {
  return {
    outcome: Promise.resolve(outcome),
    messages: noMessages(),
    write: async () => {},
    end: () => {},
    cancel: () => {},
  };
}

// eslint-disable-next-line require-yield -- an iteration that ends at once
async function* noMessages(): AsyncIterable<Uint8Array> {}

/** Iterates a readable stream and ends quietly when it fails: the outcome tells why. */
async function* readAll(call: NodeJS.ReadableStream & { cancel(): void }): AsyncIterable<Uint8Array> {
  let finished = false;
  try {
    for await (const message of call) yield message as unknown as Uint8Array;
    finished = true;
  } catch {
    finished = true;
  } finally {
    if (!finished) call.cancel();
  }
}

function grpcOptions(options: CallOptions): GrpcCallOptions {
  return options.deadline === undefined ? {} : { deadline: options.deadline };
}

function cancelWith(signal: AbortSignal | undefined, cancel: () => void): () => void {
  if (signal === undefined) return () => {};
  if (signal.aborted) {
    cancel();
    return () => {};
  }
  signal.addEventListener("abort", cancel, { once: true });
  return () => signal.removeEventListener("abort", cancel);
}

/**
 * How grpc-js tells of calls whose peer never began them: the connection was not made, it was closed from this side
 * before the call was on it, or the stream was refused, which is what becomes of those that cross a peer's GOAWAY
 * (RFC 9113, section 6.8).
 */
const notBegun = /^(?:No connection established|Channel closed before call started$|Stream refused by server$)/;

function outcomeOf(status: StatusObject | ServiceError): Outcome {
  return {
    code: status.code,
    message: status.details,
    trailers: fromMetadata(status.metadata),
    unprocessed: status.code === Code.Unavailable && notBegun.test(status.details),
  };
}
