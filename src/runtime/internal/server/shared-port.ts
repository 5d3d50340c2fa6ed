import { createServer, type Server, type Socket } from "node:net";
import { Connection as Http2, ErrorCode } from "../../../http2/index.ts";
import { createLogger } from "../../log.ts";
import { ServerTls, type ServerTlsOptions } from "./server-tls.ts";

/** RFC 9113 section 3.4: what every HTTP/2 connection starts with. */
const preface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");

/** RFC 8446 section 5.1: the type of TLS's first record. */
const tlsHandshake = 22;

/** A connection that does not say within this time what it speaks is closed. */
const silenceMs = 10_000;

const log = createLogger(() => ({}));

export interface SharedPortHandlers {
  http2(socket: Socket): void;
  http1(socket: Socket): void;
}

export interface SharedPort extends Server {
  /** Reads the certificate's files again; nothing without TLS. */
  reloadTls(): void;
}

/**
 * One port for gRPC and HTTP/1.1: looks at the first bytes of a connection, whatever their fragmentation, and hands
 * the socket over with all of them unread. Shorter fragments are gathered first: HTTP/2 needs its preface whole. With
 * `tls` the port speaks TLS alone, and ALPN decides.
 */
export function sharePort(handlers: SharedPortHandlers, tls?: ServerTlsOptions): SharedPort {
  const secure = tls === undefined ? undefined : new ServerTls(tls, handlers);
  const take = (socket: Socket, first: "tls" | "http2" | "http1") => {
    if (first === "tls") return secure === undefined ? refuseTls(socket) : secure.accept(socket);
    if (secure !== undefined) return refusePlain(socket, first);
    handlers[first](socket);
  };
  const server = createServer({ noDelay: true, pauseOnConnect: false }, (socket) => {
    const chunks: Buffer[] = [];
    let length = 0;
    const timer = setTimeout(() => socket.destroy(), silenceMs);
    const forget = () => {
      clearTimeout(timer);
      socket.off("readable", look).off("error", ignore).off("close", forget);
    };
    const look = () => {
      for (let chunk = socket.read() as Buffer | null; chunk !== null; chunk = socket.read() as Buffer | null) {
        chunks.push(chunk);
        length += chunk.length;
      }
      const start = Buffer.concat(chunks, Math.min(length, preface.length));
      if (start.length === 0) return;
      const likely = preface.subarray(0, start.length).equals(start);
      if (likely && start.length < preface.length) return;
      forget();
      socket.unshift(Buffer.concat(chunks, length));
      take(socket, start[0] === tlsHandshake ? "tls" : likely ? "http2" : "http1");
    };
    socket.on("readable", look).on("error", ignore).once("close", forget);
  });
  server.once("close", () => secure?.close());
  return Object.assign(server, { reloadTls: () => secure?.reload() });
}

function ignore(): void {
  // A peer that went away before it spoke concerns nobody; `close` follows.
}

const plain = "plain HTTP/2 and HTTP/1.1";
const wantsTls = "this port speaks TLS: call it with TLS";

/** Ms that a refused peer has to read why. */
const lingerMs = 500;

/** A fatal alert, `unexpected_message`: RFC 8446 section 6. */
const alert = Buffer.from([21, 3, 3, 0, 2, 2, 10]);

function refuseTls(socket: Socket): void {
  tell(socket, `a TLS client on a port that speaks ${plain}`);
  refuse(socket, alert);
}

function refusePlain(socket: Socket, spoken: "http2" | "http1"): void {
  tell(socket, "a client without TLS on a port that speaks TLS");
  if (spoken === "http2") return new Http2(socket, { role: "server" }).close(ErrorCode.InadequateSecurity, wantsTls);
  refuse(
    socket,
    `HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: ${wantsTls.length + 1}\r\n\r\n${wantsTls}\n`,
  );
}

function tell(socket: Socket, reason: string): void {
  log.warn("refused a connection", { peer: `${socket.remoteAddress ?? "?"}:${socket.remotePort ?? 0}`, reason });
}

function refuse(socket: Socket, answer: Buffer | string): void {
  socket.on("error", ignore).resume().end(answer);
  const timer = setTimeout(() => socket.destroy(), lingerMs).unref();
  socket.once("close", () => clearTimeout(timer));
}
