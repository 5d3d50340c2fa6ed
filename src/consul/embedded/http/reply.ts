import { gzipSync } from "node:zlib";
import { encodeJson } from "./json.ts";

/** An answer, ready to be sent. One body may serve many clients. */
export interface Reply {
  status: number;
  headers: Readonly<Record<string, string>>;
  body: Body;
}

/** Shorter bodies are sent as they are. */
const worthCompressing = 1400;

class Body {
  readonly plain: Buffer;
  #compressed: Buffer | undefined;

  constructor(content: string | Buffer) {
    this.plain = typeof content === "string" ? Buffer.from(content) : content;
  }

  /** The compressed body, made once; undefined when it is not worth it. */
  get compressed(): Buffer | undefined {
    if (this.plain.length < worthCompressing) return undefined;
    return (this.#compressed ??= gzipSync(this.plain, { level: 1 }));
  }
}

const empty = new Body("");

export function jsonReply(value: unknown, options: { indent: boolean; status?: number }): Reply {
  return {
    status: options.status ?? 200,
    headers: { "Content-Type": "application/json" },
    body: new Body(encodeJson(value, options.indent)),
  };
}

export function textReply(text: string, status: number, headers: Readonly<Record<string, string>> = {}): Reply {
  return { status, headers: { "Content-Type": "text/plain; charset=utf-8", ...headers }, body: new Body(text) };
}

/** Bytes as they are stored, of a type that no browser will run. */
export function rawReply(content: Buffer): Reply {
  return {
    status: 200,
    headers: {
      "Content-Type": "text/plain",
      "X-Content-Type-Options": "nosniff",
      "Content-Security-Policy": "sandbox",
    },
    body: new Body(content),
  };
}

/** Sends a client to the clean form of its path; who asked with GET gets a page too. */
export function redirectReply(location: string, method: string): Reply {
  if (method !== "GET") return emptyReply(307, { Location: location });
  const shown = location.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&#34;");
  return {
    status: 307,
    headers: { Location: location, "Content-Type": "text/html; charset=utf-8" },
    body: new Body(`<a href="${shown}">Temporary Redirect</a>.\n\n`),
  };
}

export function emptyReply(status = 200, headers: Readonly<Record<string, string>> = {}): Reply {
  return { status, headers, body: empty };
}

export function withHeaders(reply: Reply, headers: Readonly<Record<string, string>>): Reply {
  return { ...reply, headers: { ...reply.headers, ...headers } };
}
