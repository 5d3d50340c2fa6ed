import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { ApiError } from "./errors.ts";
import { parseQuery } from "./query.ts";
import { emptyReply, redirectReply, textReply, type Reply } from "./reply.ts";
import { readBody, type ApiRequest } from "./request.ts";
import type { Router } from "./router.ts";

export interface ServerOptions {
  router: Router;
  datacenter: string;
  /** Told what no endpoint foresaw: a bug. */
  onError: (error: unknown) => void;
}

/** Headers of every answer. */
const always = { Vary: "Accept-Encoding", "X-Consul-Default-Acl-Policy": "allow" };

/** The HTTP API (https://developer.hashicorp.com/consul/api-docs), not listening yet. */
export function createApiServer(options: ServerOptions): Server {
  const server = createServer({ noDelay: true, keepAlive: true }, (message, response) => {
    answer(message, options).then(
      (reply) => send(message, response, reply),
      // Only reading a request whose client has gone gets here.
      () => response.destroy(),
    );
  });
  // Clients hold connections open between blocking queries for as long as they like.
  server.keepAliveTimeout = 0;
  server.requestTimeout = 0;
  server.timeout = 0;
  return server;
}

/** Starts listening; resolves to the port. */
export function listen(server: Server, port: number, host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, 4096, () => {
      server.off("error", reject);
      resolve((server.address() as AddressInfo).port);
    });
  });
}

async function answer(message: IncomingMessage, { router, datacenter, onError }: ServerOptions): Promise<Reply> {
  try {
    const { method = "GET", url = "/" } = message;
    const [rawPath = "/", ...search] = url.split("?");
    const redirect = cleanPath(rawPath);
    if (redirect !== rawPath) return redirectReply([redirect, ...search].join("?"), method);
    const found = router.find(method, decodePath(rawPath));
    if ("allow" in found) return emptyReply(200, { Allow: found.allow });
    const params = new URLSearchParams(search.join("?"));
    const request: ApiRequest = {
      method,
      rest: found.rest,
      cacheKey: cacheKey(rawPath, params),
      query: parseQuery(params, datacenter, found.reads),
      body: (limit) => readBody(message, limit),
      onGone: (callback) => {
        message.socket.once("close", callback);
        return () => message.socket.off("close", callback);
      },
    };
    return await found.handler(request);
  } catch (error) {
    if (error instanceof ApiError) return textReply(error.message, error.status, error.headers);
    if (message.destroyed && !message.complete) throw error;
    onError(error);
    return textReply(
      `Internal error of the embedded agent: ${error instanceof Error ? error.message : String(error)}`,
      500,
    );
  }
}

function send(message: IncomingMessage, response: ServerResponse, { status, headers, body }: Reply): void {
  if (response.destroyed) return;
  const compressed = acceptsGzip(message) ? body.compressed : undefined;
  const content = compressed ?? body.plain;
  response.writeHead(status, {
    ...headers,
    ...always,
    ...(compressed === undefined ? {} : { "Content-Encoding": "gzip" }),
    "Content-Length": content.length,
  });
  response.end(message.method === "HEAD" ? undefined : content);
}

function acceptsGzip(message: IncomingMessage): boolean {
  const header = message.headers["accept-encoding"];
  return typeof header === "string" && /\bgzip\b(?!\s*;\s*q=0(?:\.0*)?(?:\s*,|\s*$))/.test(header);
}

/** The path without empty and dot elements. Consul redirects to it; an escaped slash is part of a name. */
function cleanPath(path: string): string {
  if (path === "/v1/kv") return "/v1/kv/";
  if (!/\/\/|\/\.\.?(?:\/|$)/.test(path)) return path;
  const elements: string[] = [];
  for (const element of path.split("/")) {
    if (element === "..") elements.pop();
    else if (element !== "" && element !== ".") elements.push(element);
  }
  return `/${elements.join("/")}${path.endsWith("/") && elements.length > 0 ? "/" : ""}`;
}

function decodePath(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    throw new ApiError(400, `invalid URL escape in ${path}`);
  }
}

const notOfTheAnswer: ReadonlySet<string> = new Set([
  "index",
  "wait",
  "token",
  "max-age",
  "stale-if-error",
  "max_stale",
]);

/** What decides the answer of a read: its path and all parameters but those about when it is wanted. */
function cacheKey(path: string, params: URLSearchParams): string {
  const deciding = [...params].filter(([name]) => !notOfTheAnswer.has(name));
  return `${path}?${new URLSearchParams(deciding.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))).toString()}`;
}
