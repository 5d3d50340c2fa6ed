import type { IncomingMessage, ServerResponse } from "node:http";
import { pipeline } from "node:stream/promises";
import { BodyAborted, BodyTooLarge, takeBody } from "./body.ts";
import { readDeadline } from "./deadline.ts";
import { dispatch, Refused, type Dispatched } from "./dispatch.ts";
import type { Discovery } from "./discovery.ts";
import { clientHeaders, traceIdOf, upstreamHeaders } from "./headers.ts";
import type { EdgeLimits } from "./limits.ts";
import type { EdgeLog } from "./log.ts";
import { endResponse, hasUnreadBody } from "./response-end.ts";
import type { RetryBudget } from "./retry-budget.ts";
import { findRoute, type Route } from "./route-table.ts";
import { errorIdOf, outsideStatus, parseJson, StreamSanitiser } from "./sanitise.ts";
import { writeFailure, type EdgeFailure } from "./status.ts";

/** What every exchange of an edge shares. */
export interface ExchangeContext {
  discovery: Discovery;
  limits: EdgeLimits;
  budget: RetryBudget;
  log: EdgeLog;
  trustProxy: boolean;
  /** Whether this client sees the stacks and texts that the outside does not. */
  showsErrors: (request: IncomingMessage) => boolean;
  draining: () => boolean;
}

export interface Exchange {
  request: IncomingMessage;
  response: ServerResponse;
  requestId: string;
  /** Path without its query. */
  path: string;
  /** `?…` or nothing. */
  query: string;
  /** The client waits for `100 Continue` before it sends the body. */
  expectsContinue: boolean;
}

/** Most bytes of an error's body that are read to clean it. */
const mostErrorBytes = 256 * 1024;
/** Methods that may be repeated by their definition (RFC 9110 9.2.2). */
const idempotentMethods = new Set(["GET", "HEAD", "OPTIONS", "PUT", "DELETE"]);
const apiMethods = ["GET", "HEAD", "OPTIONS", "POST"];

class Cancelled extends Error {}

/** Answers one request by an instance, or says why none does. Never rejects. */
export async function handleExchange(context: ExchangeContext, exchange: Exchange): Promise<void> {
  const { request, response, requestId } = exchange;
  const abort = new AbortController();
  response.once("close", () => abort.abort(new Cancelled("the client went away")));
  const fields: Record<string, string | number | undefined> = {};
  const started = performance.now();
  try {
    const route = routeOf(context, exchange);
    fields.service = route.service;
    await forward(context, exchange, { route, abort, fields });
  } catch (error) {
    const failure = failureOf(error);
    if (failure === undefined || response.headersSent) response.destroy();
    else writeFailure(response, failure, requestId);
    fields.reason = failure?.reason ?? (error instanceof Error ? error.message : String(error));
    if (failure?.code === "INTERNAL")
      fields.error = error instanceof Error ? (error.stack ?? error.message) : String(error);
  }
  context.log(response.statusCode >= 500 && response.headersSent ? "warn" : "debug", "request", {
    method: request.method,
    path: exchange.path,
    status: response.headersSent ? response.statusCode : undefined,
    ms: Math.round(performance.now() - started),
    ...fields,
    request: requestId,
  });
}

/** @throws Refused where nothing answers there */
function routeOf({ discovery }: ExchangeContext, { request, path }: Exchange): Route {
  const found = findRoute(discovery.table, path);
  if (found === undefined) {
    throw discovery.synced
      ? new Refused({ code: "NOT_FOUND", message: `nothing answers at ${path}`, reason: "NO_ROUTE" })
      : new Refused({ code: "UNAVAILABLE", message: "the routes are not known yet", reason: "NO_ROUTES_YET" });
  }
  if (found.kind === "conflict") {
    throw new Refused({ code: "UNAVAILABLE", message: `several services claim ${path}`, reason: "ROUTE_CONFLICT" });
  }
  if (found.kind === "method" && !apiMethods.includes(request.method ?? "")) {
    throw new Refused({
      code: "UNIMPLEMENTED",
      message: `${request.method} is not allowed here`,
      reason: "METHOD_NOT_ALLOWED",
      status: 405,
      headers: { allow: apiMethods.join(", ") },
    });
  }
  return found;
}

interface Forwarding {
  route: Route;
  abort: AbortController;
  /** Collects what the log line says. */
  fields: Record<string, string | number | undefined>;
}

async function forward(
  context: ExchangeContext,
  exchange: Exchange,
  { route, abort, fields }: Forwarding,
): Promise<void> {
  const { limits, discovery } = context;
  const { request, requestId } = exchange;
  const deadlineMs = readDeadline(request.headers);
  const deadline = deadlineMs === undefined ? undefined : performance.now() + deadlineMs;
  const expire = () => abort.abort(deadlineExceeded());
  const timer = deadlineMs === undefined ? undefined : setTimeout(expire, deadlineMs);
  try {
    const pool = discovery.pool(route.service);
    const claim = route.kind === "method" ? route.method : route.prefix;
    const bodyLimit = route.kind === "method" && !route.upload ? limits.bodyBytes : limits.uploadBytes;
    if (pool?.offers(claim) !== true) throw noInstance();
    if (exchange.expectsContinue) exchange.response.writeContinue();
    const body = await takeBody(request, { limit: bodyLimit, hold: limits.replayBytes, signal: abort.signal });
    const headers = upstreamHeaders(request, { requestId, trustProxy: context.trustProxy });
    // Errors are read on their way out, so an instance must not compress them.
    if (route.kind === "method") delete headers["accept-encoding"];
    if (route.kind === "prefix" && route.strip) headers["x-forwarded-prefix"] = route.prefix;
    fields.trace = traceIdOf(headers.traceparent);
    const dispatched = await dispatch({
      pool,
      claim,
      method: request.method ?? "GET",
      path: targetPath(route, exchange),
      headers,
      body,
      bodyLimit,
      idempotent: isIdempotent(route, request),
      deadline,
      signal: abort.signal,
      onSilence: expire,
      limits,
      budget: context.budget,
      log: context.log,
    });
    fields.instance = dispatched.endpoint.id;
    await answer(context, exchange, { ...dispatched, route, fields, signal: abort.signal });
  } finally {
    clearTimeout(timer);
  }
}

function isIdempotent(route: Route, request: IncomingMessage): boolean {
  if (idempotentMethods.has(request.method ?? "")) return true;
  // The client's word that repeating does no harm: the Idempotency-Key header of the IETF's HTTPAPI group.
  return (route.kind === "method" && route.idempotent) || request.headers["idempotency-key"] !== undefined;
}

function targetPath(route: Route, { path, query }: Exchange): string {
  if (route.kind === "method" || !route.strip || route.prefix === "/") return path + query;
  const rest = path.slice(route.prefix.length);
  return (rest.startsWith("/") ? rest : `/${rest}`) + query;
}

interface Answer extends Dispatched {
  route: Route;
  signal: AbortSignal;
  fields: Record<string, string | number | undefined>;
}

async function answer(context: ExchangeContext, exchange: Exchange, parts: Answer): Promise<void> {
  const { route, upstream, response, fields } = parts;
  const client = exchange.response;
  const status = response.statusCode ?? 502;
  const headers = clientHeaders(response.headers, exchange.requestId);
  if (context.draining() || hasUnreadBody(exchange.request)) headers.connection = "close";
  const cleans = route.kind === "method" && !context.showsErrors(exchange.request);
  if (cleans && status >= 400 && exchange.request.method !== "HEAD") {
    const outside = outsideStatus(await readError(response, parts.signal), status);
    fields.error = errorIdOf(outside);
    const body = `${JSON.stringify(outside)}\n`;
    delete headers["content-encoding"];
    client.writeHead(status, {
      ...headers,
      "content-type": "application/json",
      "content-length": Buffer.byteLength(body),
    });
    client.write(body);
  } else {
    const type = String(headers["content-type"] ?? "");
    const sanitiser =
      cleans && /^(application\/(x-)?ndjson|text\/event-stream)/.test(type) ? [new StreamSanitiser()] : [];
    if (sanitiser.length > 0) delete headers["content-length"];
    client.writeHead(status, headers);
    // Whoever waits for the first event of a stream shall know at once that it began.
    if (headers["content-length"] === undefined) client.flushHeaders();
    await pipeline([response, ...sanitiser, client], { end: false });
  }
  // An answer that came before the request's end leaves nobody to read the rest.
  if (hasUnreadBody(exchange.request)) upstream.destroy();
  endResponse(client);
}

/** The JSON of an error's body; undefined when it is none, broke off, or is too long to be one. */
async function readError(response: IncomingMessage, signal: AbortSignal): Promise<unknown> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > mostErrorBytes) return undefined;
      chunks.push(chunk);
    }
  } catch {
    signal.throwIfAborted();
    return undefined;
  }
  return parseJson(Buffer.concat(chunks).toString());
}

function noInstance(): Refused {
  const headers = { "retry-after": "1" };
  return new Refused({ code: "UNAVAILABLE", message: "no instance is available", reason: "NO_INSTANCE", headers });
}

function deadlineExceeded(): Refused {
  return new Refused({ code: "DEADLINE_EXCEEDED", message: "no answer came in time", reason: "DEADLINE_EXCEEDED" });
}

/** What the client is told; undefined when there is nobody left to tell. */
function failureOf(error: unknown): EdgeFailure | undefined {
  if (error instanceof Refused) return error.failure;
  if (error instanceof Cancelled || error instanceof BodyAborted) return undefined;
  if (error instanceof BodyTooLarge) {
    return { code: "RESOURCE_EXHAUSTED", message: error.message, reason: "BODY_TOO_LARGE", status: 413 };
  }
  return { code: "INTERNAL", message: "the edge failed", reason: "EDGE_FAILED" };
}
