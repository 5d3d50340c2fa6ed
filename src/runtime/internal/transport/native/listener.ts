import {
  Connection,
  ErrorCode,
  errorCodeName,
  HeaderField,
  type Stream,
  type StreamEvents,
} from "../../../../http2/index.ts";
import { createLogger } from "../../../log.ts";
import { defaultMaxMessageBytes, type CallHandler, type Listener, type ListenOptions } from "../transport.ts";
import { find } from "./metadata.ts";
import { NativeServerCall } from "./server-call.ts";

const log = createLogger(() => ({}));

/** Silence after which a peer is asked whether it is there, and ms for its answer: GRPC_ARG_KEEPALIVE_TIME_MS and _TIMEOUT_MS. */
const keepaliveMs = 60_000;
const keepaliveTimeoutMs = 20_000;

/** Serves gRPC over our own HTTP/2. */
export function listenNative(options: ListenOptions, handler: CallHandler): Listener {
  const maxMessageBytes = options.maxMessageBytes ?? defaultMaxMessageBytes;
  const connections = new Set<Connection>();
  let drained: (() => void) | undefined;
  let draining = false;
  const keepalive = setInterval(() => {
    for (const connection of connections) askWhetherThere(connection);
  }, keepaliveMs).unref();

  const request = (stream: Stream, fields: readonly HeaderField[], end: boolean, peer: string): StreamEvents => {
    const refusal = refuse(fields);
    if (refusal !== undefined) {
      stream.sendHeaders(refusal, true);
      if (!stream.closed) stream.reset(ErrorCode.NoError);
      return nobody;
    }
    const call = new NativeServerCall({ stream, fields, peer, maxMessageBytes });
    if (end) call.messages.end();
    handler(call);
    return call.events;
  };

  return {
    accept: (socket) => {
      const peer = `${socket.remoteAddress ?? "?"}:${socket.remotePort ?? 0}`;
      const connection: Connection = new Connection(socket, {
        role: "server",
        events: {
          request: (stream, fields, end) => request(stream, fields, end, peer),
          closed: ({ code, message, remote }) => {
            connections.delete(connection);
            if (!remote && code !== ErrorCode.NoError)
              log.warn("ended a connection", { peer, reason: message, code: errorCodeName(code) });
            if (connections.size === 0) drained?.();
          },
        },
      });
      connections.add(connection);
      socket.resume();
      if (draining) connection.drain();
    },
    drain: async (graceMs) => {
      draining = true;
      for (const connection of connections) connection.drain();
      if (connections.size === 0) return;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, graceMs);
        drained = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    },
    close: () => {
      clearInterval(keepalive);
      for (const connection of connections) connection.close(ErrorCode.NoError, "the server stops");
    },
  };
}

function askWhetherThere(connection: Connection): void {
  const { heard } = connection;
  connection.heard = false;
  if (heard) return;
  const timer = setTimeout(
    () => connection.close(ErrorCode.NoError, "the peer does not answer (keepalive)"),
    keepaliveTimeoutMs,
  ).unref();
  connection.ping(() => clearTimeout(timer));
}

/** The answer to what is no gRPC call. */
function refuse(fields: readonly HeaderField[]): HeaderField[] | undefined {
  if (find(fields, ":method") !== "POST") return [new HeaderField(":status", "405")];
  const type = find(fields, "content-type") ?? "";
  if (!/^application\/grpc(?:$|[+;])/.test(type)) return [new HeaderField(":status", "415")];
  const encoding = find(fields, "grpc-encoding");
  if (encoding === undefined || encoding === "identity" || encoding === "gzip") return undefined;
  return [
    new HeaderField(":status", "200"),
    new HeaderField("content-type", "application/grpc"),
    new HeaderField("grpc-status", "12"),
    new HeaderField("grpc-message", "this grpc-encoding is not known here"),
    new HeaderField("grpc-accept-encoding", "identity,gzip"),
  ];
}

const nobody: StreamEvents = { headers: () => {}, data: () => {}, writable: () => {}, closed: () => {} };
