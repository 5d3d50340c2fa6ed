import { connect, isIP, Socket } from "node:net";
import { connect as connectTls, type ConnectionOptions, type TLSSocket } from "node:tls";
import { readFileSync } from "node:fs";
import type { ClientTls, Endpoint } from "../transport.ts";
import { explainTls } from "./tls-errors.ts";

/** Ms for the connection, the handshake of TLS included. */
const connectTimeoutMs = 10_000;

export interface SocketEvents {
  connected(): void;
  /** Told at most once, never after `connected`: why there is none, and what may be done about it. */
  failed(why: string): void;
}

/** Opens a connection that will speak HTTP/2: by prior knowledge, or by ALPN with TLS. */
export function openSocket(
  endpoint: Endpoint,
  tls: ClientTls | undefined,
  { connected, failed }: SocketEvents,
): Socket {
  let open = false;
  let socket: Socket;
  try {
    socket =
      tls === undefined
        ? connect({ host: endpoint.host, port: endpoint.port, noDelay: true })
        : connectTls(tlsOptions(endpoint, tls)).setNoDelay(true);
  } catch (error) {
    // A file of ours that cannot be read or used.
    socket = new Socket();
    queueMicrotask(() => failed(`TLS cannot begin: ${error instanceof Error ? error.message : String(error)}`));
    return socket;
  }
  const timer = setTimeout(() => failed("connecting took too long"), connectTimeoutMs).unref();
  socket
    .on("error", (error) => {
      // TLS 1.3 tells a client only after its handshake that it was refused: whoever listens then reads this, too.
      if (tls !== undefined) error.message = explainTls(error, endpoint, tls);
      if (!open) failed(error.message);
    })
    .once("close", () => {
      clearTimeout(timer);
      if (!open) failed("the peer closed the connection");
    })
    .once(tls === undefined ? "connect" : "secureConnect", () => {
      clearTimeout(timer);
      if (tls !== undefined && (socket as TLSSocket).alpnProtocol !== "h2")
        return failed("the peer speaks TLS, but not HTTP/2 (ALPN)");
      open = true;
      connected();
    });
  return socket;
}

function tlsOptions({ host, port }: Endpoint, { ca, cert, key, serverName }: ClientTls): ConnectionOptions {
  const name = serverName ?? host;
  return {
    host,
    port,
    ALPNProtocols: ["h2"],
    // RFC 6066 section 3: no address stands as a name in the handshake.
    ...(isIP(name) === 0 ? { servername: name } : {}),
    ...(ca === undefined ? {} : { ca: readFileSync(ca) }),
    ...(cert === undefined ? {} : { cert: readFileSync(cert) }),
    ...(key === undefined ? {} : { key: readFileSync(key) }),
  };
}
