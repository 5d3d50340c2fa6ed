import { randomBytes, randomUUID } from "node:crypto";
import type { IncomingHttpHeaders, IncomingMessage, OutgoingHttpHeaders } from "node:http";

/** RFC 9110 7.6.1, and what proxies have taken for hop-by-hop in practice. */
const hopByHop = new Set([
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "http2-settings",
]);

/** What only parts of the system may say (hop limits, fields, forwarding), and what the edge says anew (deadlines). */
function isOurs(name: string): boolean {
  return (
    name.startsWith("flow-") ||
    name.startsWith("grpc-") ||
    name.startsWith("x-request-timeout") ||
    name.startsWith("x-forwarded-") ||
    name === "x-real-ip" ||
    name === "forwarded" ||
    name === "baggage" ||
    name === "expect"
  );
}

export interface ForwardedFrom {
  requestId: string;
  /** Whether X-Forwarded-* of the client are believed, because a proxy of ours stands in front. */
  trustProxy: boolean;
}

/** The request's headers for an instance: hygiene, who asked, request id and W3C trace context. */
export function upstreamHeaders(
  request: IncomingMessage,
  { requestId, trustProxy }: ForwardedFrom,
): OutgoingHttpHeaders {
  const { headers } = request;
  const dropped = connectionNames(headers);
  const result: OutgoingHttpHeaders = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined || hopByHop.has(name) || dropped.has(name) || isOurs(name)) continue;
    result[name] = value;
  }
  const peer = request.socket.remoteAddress ?? "unknown";
  const before = trustProxy ? first(headers["x-forwarded-for"]) : undefined;
  result["x-forwarded-for"] = before === undefined ? peer : `${before}, ${peer}`;
  result["x-forwarded-proto"] = (trustProxy ? first(headers["x-forwarded-proto"]) : undefined) ?? "http";
  const host = (trustProxy ? first(headers["x-forwarded-host"]) : undefined) ?? headers.host;
  if (host !== undefined) result["x-forwarded-host"] = host;
  result["x-request-id"] = requestId;
  const parent = first(headers.traceparent);
  if (parent === undefined || !isTraceparent(parent)) {
    result.traceparent = newTraceparent();
    delete result.tracestate;
  }
  return result;
}

/** The answer's headers for the client. */
export function clientHeaders(headers: IncomingHttpHeaders, requestId: string): OutgoingHttpHeaders {
  const dropped = connectionNames(headers);
  const result: OutgoingHttpHeaders = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined || hopByHop.has(name) || dropped.has(name)) continue;
    if (name.startsWith("grpc-") || name.startsWith("flow-") || name === "x-powered-by") continue;
    result[name] = value;
  }
  result["x-request-id"] = requestId;
  return result;
}

/** The client's request id where it is one that can stand in a log, else a new one. */
export function requestIdOf(headers: IncomingHttpHeaders): string {
  const given = first(headers["x-request-id"]);
  return given !== undefined && /^[\w.:-]{1,128}$/.test(given) ? given : randomUUID();
}

/** The trace that a traceparent belongs to. */
export function traceIdOf(traceparent: unknown): string | undefined {
  return typeof traceparent === "string" ? traceparent.slice(3, 35) : undefined;
}

/** https://www.w3.org/TR/trace-context/#traceparent-header: neither id may be all zeros, and version ff is none. */
function isTraceparent(text: string): boolean {
  return /^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(-|$)/.test(text);
}

function newTraceparent(): string {
  return `00-${randomBytes(16).toString("hex")}-${randomBytes(8).toString("hex")}-01`;
}

/** Headers that the Connection header makes hop-by-hop. */
function connectionNames(headers: IncomingHttpHeaders): ReadonlySet<string> {
  const { connection } = headers;
  if (connection === undefined) return new Set();
  return new Set(connection.split(",").map((name) => name.trim().toLowerCase()));
}

function first(value: string | string[] | undefined): string | undefined {
  const text = Array.isArray(value) ? value[0] : value;
  return text === undefined || text === "" ? undefined : text;
}
