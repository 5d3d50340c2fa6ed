import {
  Connection,
  ErrorCode,
  errorCodeName,
  HeaderField,
  prepareFields,
  type Stream,
  type StreamEvents,
} from "../../../../http2/index.ts";
import { Code } from "../../../code.ts";
import { createLogger } from "../../../log.ts";
import { defaultMaxMessageBytes, type CallHandler, type Listener, type ListenOptions } from "../transport.ts";
import { Keepalive, PingStrikes } from "./keepalive.ts";
import { find, parseTimeout, statusFields } from "./metadata.ts";
import { readHead, type RequestHead } from "./request-head.ts";
import { NativeServerCall, ServerCallEvents, type ServerSession } from "./server-call.ts";

const log = createLogger(() => ({}));

/** Serves gRPC over our own HTTP/2. */
export function listenNative(options: ListenOptions, handler: CallHandler): Listener {
  const maxMessageBytes = options.maxMessageBytes ?? defaultMaxMessageBytes;
  const connections = new Set<Connection>();
  let drained: (() => void) | undefined;
  let draining = false;
  const single = new Set(
    options.methods.filter(({ kind }) => kind === "unary" || kind === "server_streaming").map(({ path }) => path),
  );
  const request = (session: ServerSession, stream: Stream, { fields, end }: Begun): StreamEvents => {
    const head = readHead(fields);
    const refusal = refuse(head);
    if (refusal !== undefined) {
      // A browser that ALPN led here finds the web API by HTTP/1.1, which the same port speaks.
      if (session.secure && !find(fields, "content-type")?.startsWith("application/grpc"))
        stream.reset(ErrorCode.Http11Required);
      else stream.sendHeaders(refusal, true);
      if (!stream.closed) stream.reset(ErrorCode.NoError);
      return nobody;
    }
    const call = new NativeServerCall(session, stream, { fields, head, single: single.has(head.path) });
    call.start(end);
    return new ServerCallEvents(call);
  };

  return {
    accept: (socket) => {
      const peer = `${socket.remoteAddress ?? "?"}:${socket.remotePort ?? 0}`;
      const session: ServerSession = {
        peer,
        secure: "encrypted" in socket,
        maxMessageBytes,
        gzipFrom: options.gzipFromBytes ?? Infinity,
        handler,
        response: prepareFields(responseFields),
        success: prepareFields(statusFields({ code: Code.Ok, message: "" })),
      };
      const strikes = new PingStrikes(options.minPingIntervalMs);
      const connection: Connection = new Connection(socket, {
        role: "server",
        ...(options.limits === undefined ? {} : { limits: options.limits }),
        events: {
          request: (stream, fields, end) => request(session, stream, { fields, end }),
          pinged: () => strikes.pinged(connection),
          closed: ({ code, message, remote }) => {
            connections.delete(connection);
            keepalive.stop();
            forgetAge();
            if (!remote && code !== ErrorCode.NoError)
              log.warn("ended a connection", { peer, reason: message, code: errorCodeName(code) });
            if (connections.size === 0) drained?.();
          },
        },
      });
      const keepalive = new Keepalive(connection, { everyMs: 60_000, timeoutMs: 20_000, ...options.keepalive });
      const forgetAge = endAtAge(connection, options);
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
      for (const connection of connections) connection.close(ErrorCode.NoError, "the server stops");
    },
  };
}

/** Ends a connection gracefully at its age, and at once when its calls take too long then. Returns what forgets it. */
function endAtAge(
  connection: Connection,
  { maxConnectionAgeMs: ageMs, maxConnectionAgeGraceMs: graceMs }: ListenOptions,
) {
  if (ageMs === undefined) return () => {};
  let timer = setTimeout(
    () => {
      connection.drain("max_age");
      if (graceMs === undefined) return;
      timer = setTimeout(() => connection.close(ErrorCode.NoError, "max_age"), graceMs).unref();
    },
    ageMs * (0.9 + Math.random() * 0.2),
  ).unref();
  return () => clearTimeout(timer);
}

interface Begun {
  fields: readonly HeaderField[];
  end: boolean;
}

const responseFields = [new HeaderField(":status", "200"), new HeaderField("content-type", "application/grpc+proto")];

/** The answer to what is no gRPC call. */
function refuse({ isPost, isGrpc, encoding, timeout }: RequestHead): HeaderField[] | undefined {
  if (!isPost) return [new HeaderField(":status", "405")];
  if (!isGrpc) return [new HeaderField(":status", "415")];
  if (timeout !== undefined && parseTimeout(timeout) === undefined)
    return refusal(Code.Internal, `the grpc-timeout ${JSON.stringify(timeout)} is malformed`);
  if (encoding === undefined || encoding === "identity" || encoding === "gzip") return undefined;
  return [
    ...refusal(Code.Unimplemented, `the grpc-encoding ${JSON.stringify(encoding)} is not known here`),
    new HeaderField("grpc-accept-encoding", "identity,gzip"),
  ];
}

/** An answer of trailers only. */
function refusal(code: number, message: string): HeaderField[] {
  return [...responseFields, ...statusFields({ code, message })];
}

const nobody: StreamEvents = { headers: () => {}, data: () => {}, writable: () => {}, closed: () => {} };
