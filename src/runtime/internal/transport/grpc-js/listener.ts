import {
  Server,
  ServerCredentials,
  type sendUnaryData,
  type ServerDuplexStream,
  type ServerReadableStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type UntypedHandleCall,
} from "@grpc/grpc-js";
import type { EventEmitter } from "node:events";
import type { Socket } from "node:net";
import { Code } from "../../../code.ts";
import {
  defaultMaxMessageBytes,
  type CallHandler,
  type CallKind,
  type Headers,
  type Listener,
  type ListenOptions,
  type ServerCall,
} from "../transport.ts";
import { asBytes, fromMetadata, toMetadata, unchanged } from "./headers.ts";

type Bytes = Buffer;
type AnyCall =
  | ServerUnaryCall<Bytes, Bytes>
  | ServerReadableStream<Bytes, Bytes>
  | ServerWritableStream<Bytes, Bytes>
  | ServerDuplexStream<Bytes, Bytes>;

/** A grpc-js server without a port: its connections are injected. */
export function listenGrpcJs(options: ListenOptions, handler: CallHandler): Listener {
  const bytes = options.maxMessageBytes ?? defaultMaxMessageBytes;
  const server = new Server({
    "grpc.max_receive_message_length": bytes,
    "grpc.max_send_message_length": bytes,
    "grpc.keepalive_time_ms": options.keepalive?.everyMs ?? 60_000,
    "grpc.keepalive_timeout_ms": options.keepalive?.timeoutMs ?? 20_000,
    ...(options.maxConnectionAgeMs === undefined ? {} : { "grpc.max_connection_age_ms": options.maxConnectionAgeMs }),
    ...(options.maxConnectionAgeGraceMs === undefined
      ? {}
      : { "grpc.max_connection_age_grace_ms": options.maxConnectionAgeGraceMs }),
  });
  for (const { path, kind } of options.methods) {
    server.register(path, handlerFor(kind, path, handler) as never, asBytes, unchanged, grpcKinds[kind] as never);
  }
  const injector = server.createConnectionInjector(ServerCredentials.createInsecure());
  const sockets = new Set<Socket>();
  let idle: (() => void) | undefined;
  let draining = false;
  return {
    accept: (socket) => {
      // It came while the port was closing. Its caller knows that a connection without a single frame carried nothing.
      if (draining) return void socket.destroy();
      sockets.add(socket);
      socket.once("close", () => {
        sockets.delete(socket);
        if (sockets.size === 0) idle?.();
      });
      injector.injectConnection(socket);
    },
    drain: async (graceMs) => {
      draining = true;
      injector.drain(graceMs);
      if (sockets.size === 0) return;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, graceMs);
        idle = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    },
    close: () => {
      draining = true;
      injector.destroy();
      server.forceShutdown();
      for (const socket of sockets) socket.destroy();
    },
  };
}

const grpcKinds: Readonly<Record<CallKind, string>> = {
  unary: "unary",
  server_streaming: "serverStream",
  client_streaming: "clientStream",
  bidi_streaming: "bidi",
};

function handlerFor(kind: CallKind, path: string, handler: CallHandler): UntypedHandleCall {
  const answersOnce = kind === "unary" || kind === "client_streaming";
  return ((call: AnyCall, callback?: sendUnaryData<Bytes>) => {
    handler(
      answersOnce
        ? singleAnswer(call, path, callback as sendUnaryData<Bytes>)
        : streamAnswer(call as ServerWritableStream<Bytes, Bytes>, path),
    );
  }) as UntypedHandleCall;
}

function singleAnswer(call: AnyCall, path: string, callback: sendUnaryData<Bytes>): ServerCall {
  let answer: Bytes | undefined;
  return {
    ...common(call, path),
    write: async (message) => {
      answer = asBytes(message);
    },
    finish: (status, trailers) => {
      if (status.code !== Code.Ok)
        callback({ code: status.code, details: status.message, metadata: toMetadata(trailers) });
      else if (answer === undefined) callback({ code: Code.Internal, details: "the method gave no answer" });
      else callback(null, answer, toMetadata(trailers));
    },
  };
}

function streamAnswer(call: ServerWritableStream<Bytes, Bytes>, path: string): ServerCall {
  return {
    ...common(call, path),
    write: (message) =>
      new Promise((resolve) => {
        if (call.cancelled || call.destroyed || call.write(asBytes(message))) return resolve();
        const done = () => {
          call.off("drain", done);
          call.off("cancelled", done);
          call.off("close", done);
          resolve();
        };
        call.once("drain", done).once("cancelled", done).once("close", done);
      }),
    finish: (status, trailers) => {
      if (status.code === Code.Ok) call.end(toMetadata(trailers));
      else call.emit("error", { code: status.code, details: status.message, metadata: toMetadata(trailers) });
    },
  };
}

function common(call: AnyCall, path: string): Omit<ServerCall, "write" | "finish"> {
  const cancelled = new AbortController();
  (call as EventEmitter).on("cancelled", () => cancelled.abort());
  const deadline = call.getDeadline();
  const ms = typeof deadline === "number" ? deadline : deadline.getTime();
  return {
    method: path,
    headers: fromMetadata(call.metadata),
    deadline: Number.isFinite(ms) ? ms : undefined,
    signal: cancelled.signal,
    peer: call.getPeer(),
    request: "request" in call ? call.request : undefined,
    // Whoever stops reading early still answers: the stream must outlive the loop.
    messages: "request" in call ? once(call.request) : call.iterator({ destroyOnReturn: false }),
    sendHeaders: (headers: Headers) => call.sendMetadata(toMetadata(headers)),
  };
}

async function* once(message: Bytes): AsyncIterable<Bytes> {
  yield message;
}
