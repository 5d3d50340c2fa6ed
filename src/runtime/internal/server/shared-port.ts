import { createServer, type Server, type Socket } from "node:net";

/** RFC 9113 section 3.4: what every HTTP/2 connection starts with. */
const preface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");

/** A connection that does not say within this time what it speaks is closed. */
const silenceMs = 10_000;

export interface SharedPortHandlers {
  http2(socket: Socket): void;
  http1(socket: Socket): void;
}

/**
 * One port for gRPC and HTTP/1.1: looks at the first bytes of a connection, whatever their fragmentation, and hands
 * the socket over with all of them unread. Shorter fragments are gathered first: HTTP/2 needs its preface whole.
 */
export function sharePort(handlers: SharedPortHandlers): Server {
  return createServer({ noDelay: true, pauseOnConnect: false }, (socket) => {
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
      const likely = preface.subarray(0, start.length).equals(start);
      if (likely && start.length < preface.length) return;
      forget();
      socket.unshift(Buffer.concat(chunks, length));
      if (likely) handlers.http2(socket);
      else handlers.http1(socket);
    };
    socket.on("readable", look).on("error", ignore).once("close", forget);
  });
}

function ignore(): void {
  // A peer that went away before it spoke concerns nobody; `close` follows.
}
