import { readFileSync, statSync } from "node:fs";
import { createServer, type Server, type TLSSocket } from "node:tls";
import type { Socket } from "node:net";
import { createLogger } from "../../log.ts";

const log = createLogger(() => ({}));

/** Ms between looks at the files. */
const lookMs = 5_000;
/** Ms that a handshake may take. */
const handshakeMs = 10_000;

/** Where a server's certificate lies, as PEM. The files are looked at every 5 s: new ones serve new connections, those that are open go on. */
export interface ServerTlsOptions {
  /** The certificate with what leads to its authority. */
  cert: string;
  /** Its private key. */
  key: string;
  /** Authorities of callers: with it only who shows a certificate of theirs is let in. */
  clientCa?: string;
}

/** The TLS side of a port: HTTP/2 or HTTP/1.1, as ALPN says. */
export class ServerTls {
  readonly #options: ServerTlsOptions;
  readonly #server: Server;
  readonly #timer: NodeJS.Timeout;
  #version: string;

  /** @throws when the files cannot be read or do not fit each other */
  constructor(options: ServerTlsOptions, taken: { http2(socket: Socket): void; http1(socket: Socket): void }) {
    this.#options = options;
    this.#version = this.#look();
    const asked = options.clientCa !== undefined;
    this.#server = createServer({
      ...this.#read(),
      ALPNProtocols: ["h2", "http/1.1"],
      handshakeTimeout: handshakeMs,
      requestCert: asked,
      rejectUnauthorized: asked,
    });
    this.#server.on("secureConnection", (socket: TLSSocket) => {
      if (socket.alpnProtocol === "h2") taken.http2(socket);
      else taken.http1(socket);
    });
    this.#server.on("tlsClientError", (error: Error & { code?: string }, socket: TLSSocket) => {
      if (error.code !== "ECONNRESET")
        log.warn("a TLS handshake failed", { peer: peerOf(socket), reason: reasonOf(error) });
      socket.destroy();
    });
    this.#timer = setInterval(() => {
      if (this.#look() !== this.#version) this.reload();
    }, lookMs).unref();
  }

  /** Takes a connection whose first bytes are TLS's. */
  accept(socket: Socket): void {
    this.#server.emit("connection", socket);
  }

  /** Reads the files again. What cannot be used is told in the log, and the old certificate serves on. */
  reload(): void {
    try {
      this.#version = this.#look();
      this.#server.setSecureContext(this.#read());
      log.info("took a new certificate", { cert: this.#options.cert });
    } catch (error) {
      log.error("the new certificate cannot be used: the old one serves on", {
        cert: this.#options.cert,
        why: error instanceof Error ? error.message : String(error),
      });
    }
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #read(): { cert: Buffer; key: Buffer; ca?: Buffer } {
    const { cert, key, clientCa } = this.#options;
    return {
      cert: readFileSync(cert),
      key: readFileSync(key),
      ...(clientCa === undefined ? {} : { ca: readFileSync(clientCa) }),
    };
  }

  /** Changes whenever one of the files does. */
  #look(): string {
    const { cert, key, clientCa } = this.#options;
    return [cert, key, ...(clientCa === undefined ? [] : [clientCa])]
      .map((path) => {
        const stat = statSync(path, { throwIfNoEntry: false });
        return stat === undefined ? "" : `${stat.ino} ${stat.size} ${stat.mtimeMs}`;
      })
      .join("\n");
  }
}

function peerOf(socket: TLSSocket): string {
  return `${socket.remoteAddress ?? "?"}:${socket.remotePort ?? 0}`;
}

function reasonOf({ code = "", message }: Error & { code?: string }): string {
  if (code.includes("NO_SHARED_CIPHER")) return "no cipher that both know";
  if (code.includes("NO_APPLICATION_PROTOCOL")) return "the peer speaks neither HTTP/2 nor HTTP/1.1 (ALPN)";
  if (code.includes("PEER_DID_NOT_RETURN_A_CERTIFICATE"))
    return "the peer showed no certificate (FLOW_TLS_CLIENT_CA asks for one)";
  if (code.includes("ALERT"))
    return `the peer refused: ${code
      .replace(/^ERR_SSL_\w*?ALERT_/, "")
      .replaceAll("_", " ")
      .toLowerCase()}`;
  return message;
}
