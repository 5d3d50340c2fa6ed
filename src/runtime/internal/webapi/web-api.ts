import { create, fromJson, toJson, type DescMessage, type JsonValue, type Message } from "@bufbuild/protobuf";
import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import { Code, codeName, httpStatus } from "../../code.ts";
import { runWith, type Context } from "../../context.ts";
import { RpcError, toRpcError } from "../../error.ts";
import { incomingContext } from "../propagation.ts";
import { atBoundary } from "../server/handle.ts";
import type { MethodEntry, MethodTable } from "../server/table.ts";
import { bindRequest, compileBindings, matchBinding, type Binding, type BindingMatch } from "./bindings.ts";
import { readJsonBody } from "./body.ts";
import { describeApi } from "./openapi.ts";
import { readUpload, readWholeUpload } from "./upload.ts";

export interface WebApiSettings {
  service: string | undefined;
  /** Largest JSON body in bytes, default 4 MiB. */
  maxBodyBytes?: number;
  /** Largest file of an upload to a method that takes one message, default `maxBodyBytes`. A stream has no limit. */
  maxUploadBytes?: number;
  /** Ms a call may take without a deadline of the caller, default 30,000. */
  timeoutMs?: number;
  /** Origins that browsers may call from; `*` for all. Default: none, so no CORS headers. */
  corsOrigins?: readonly string[];
  /**
   * Decides who calls a method that is not public. What it returns becomes fields of the context; throwing refuses.
   * Without one such methods answer 401.
   */
  authenticate?: (request: {
    headers: IncomingMessage["headers"];
    method: string;
  }) => Promise<Readonly<Record<string, string>>>;
}

/**
 * `POST /api/<package>.<Service>/<Method>` in ProtoJSON for every method with `(flow.webapi).enable`, and the paths of
 * its `google.api.http` rules; `GET /api/openapi.json` describes all of it.
 */
export function createWebApi(table: MethodTable, settings: WebApiSettings): RequestListener {
  const routes: Routes = { table, bindings: compileBindings(table) };
  return (request, response) => {
    void serve(routes, settings, request, response).catch((error: unknown) => {
      if (response.headersSent) response.destroy();
      else sendError(response, toRpcError(error));
    });
  };
}

interface Routes {
  table: MethodTable;
  bindings: readonly Binding[];
}

async function serve(
  routes: Routes,
  settings: WebApiSettings,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  allowOrigin(settings, request, response);
  if (request.method === "OPTIONS") {
    response.writeHead(204).end();
    return;
  }
  if (request.method === "GET" && request.url === "/api/openapi.json") {
    const title = settings.service ?? "service";
    const document = describeApi(routes.table, routes.bindings, { title });
    response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(document));
    return;
  }
  const { entry, match } = route(routes, request, response);
  const ctx = contextOf(entry, settings, request, response);
  try {
    await authenticate(entry, settings, { request, ctx });
    await runWith(ctx, () => answer(entry, settings, { request, response, ctx, match }));
  } catch (error) {
    const rpc = atBoundary(error, entry, ctx);
    ctx.logError(rpc);
    if (response.headersSent) response.destroy();
    else sendError(response, rpc);
  }
}

/** @throws RpcError NOT_FOUND, or UNIMPLEMENTED for a path that takes other verbs */
function route(
  { table, bindings }: Routes,
  request: IncomingMessage,
  response: ServerResponse,
): { entry: MethodEntry; match: BindingMatch | undefined } {
  const path = (request.url ?? "/").split("?", 1)[0] as string;
  const verb = request.method ?? "GET";
  const match = matchBinding(bindings, verb, path);
  if (match !== undefined) return { entry: match.binding.entry, match };
  const entry = path.startsWith("/api/") ? table.get(path.slice("/api".length)) : undefined;
  if (entry?.webapi.enable === true && verb === "POST") return { entry, match: undefined };
  const verbs = [
    ...(entry?.webapi.enable === true ? ["POST"] : []),
    ...bindings.filter(({ pattern }) => pattern.test(path)).map((binding) => binding.verb),
  ];
  if (verbs.length === 0) throw new RpcError(Code.NotFound, `there is no ${path} here`, { reason: "NO_ROUTE" });
  response.setHeader("allow", [...new Set(verbs), "OPTIONS"].join(", "));
  throw new RpcError(Code.Unimplemented, `${path} takes ${verbs.join(" or ")}`, { reason: "METHOD_NOT_ALLOWED" });
}

interface Exchange {
  request: IncomingMessage;
  response: ServerResponse;
  ctx: Context;
  /** The `google.api.http` rule that led here; undefined for the plain path. */
  match: BindingMatch | undefined;
}

async function authenticate(
  entry: MethodEntry,
  settings: WebApiSettings,
  { request, ctx }: Pick<Exchange, "request" | "ctx">,
): Promise<void> {
  if (entry.webapi.public) return;
  if (settings.authenticate === undefined) {
    throw new RpcError(
      Code.Unauthenticated,
      `${entry.wire.path} is not public, and this service has no way to tell who calls`,
      { reason: "NO_VERIFIER" },
    );
  }
  for (const [name, value] of Object.entries(
    await settings.authenticate({ headers: request.headers, method: entry.wire.path }),
  ))
    ctx.setField(name, value);
}

async function answer(entry: MethodEntry, settings: WebApiSettings, exchange: Exchange): Promise<void> {
  const { response, ctx, match } = exchange;
  const { output, methodKind } = entry.descriptor;
  const result = entry.invoke(ctx, await readRequest(entry, settings, exchange));
  if (methodKind === "unary" || methodKind === "client_streaming") {
    const json = toJson(output, create(output, (await result) as never), { alwaysEmitImplicit: true });
    const field = output.fields.find(({ name }) => name === match?.binding.responseBody);
    const body = field === undefined ? json : (json as Record<string, JsonValue>)[field.jsonName];
    response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(body ?? null));
    return;
  }
  for await (const message of result as AsyncIterable<unknown>) {
    if (!response.headersSent) response.writeHead(200, { "content-type": "application/x-ndjson" });
    const line = `${JSON.stringify(toJson(output, create(output, message as never), { alwaysEmitImplicit: true }))}\n`;
    if (ctx.signal.aborted) return;
    if (!response.write(line)) await new Promise((resolve) => response.once("drain", resolve).once("close", resolve));
  }
  if (!response.headersSent) response.writeHead(200, { "content-type": "application/x-ndjson" });
  response.end();
}

/** The request message, or the stream of them, from JSON, parameters or an upload. */
async function readRequest(
  entry: MethodEntry,
  settings: WebApiSettings,
  { request, match }: Exchange,
): Promise<unknown> {
  const { input, methodKind } = entry.descriptor;
  const most = settings.maxBodyBytes ?? 4 * 1024 * 1024;
  const streamsIn = methodKind === "client_streaming" || methodKind === "bidi_streaming";
  if (entry.webapi.upload) {
    if (streamsIn) return createAll(input, readUpload(request, input));
    return create(input, (await readWholeUpload(request, input, settings.maxUploadBytes ?? most)) as never);
  }
  const json = await readJsonBody(request, most);
  if (match !== undefined) {
    const query = new URL(request.url ?? "/", "http://flow").searchParams;
    return parse(input, bindRequest(match, query, json));
  }
  const messages = (streamsIn && Array.isArray(json) ? json : [json]).map((value) => parse(input, value));
  return streamsIn ? iterate(messages) : messages[0];
}

async function* createAll(schema: DescMessage, parts: AsyncIterable<object>): AsyncIterable<Message> {
  for await (const part of parts) yield create(schema, part as never);
}

async function* iterate<T>(messages: readonly T[]): AsyncIterable<T> {
  yield* messages;
}

function parse(schema: DescMessage, json: JsonValue): Message {
  try {
    return fromJson(schema, json);
  } catch (error) {
    throw new RpcError(
      Code.InvalidArgument,
      `the body is no ${schema.typeName}: ${error instanceof Error ? error.message : String(error)}`,
      { reason: "BAD_JSON" },
    );
  }
}

function contextOf(
  entry: MethodEntry,
  settings: WebApiSettings,
  request: IncomingMessage,
  response: ServerResponse,
): Context {
  const cancelled = new AbortController();
  const asked = Number(request.headers["x-request-timeout-ms"]);
  const ms =
    Number.isFinite(asked) && asked > 0
      ? Math.min(asked, settings.timeoutMs ?? 30_000)
      : (settings.timeoutMs ?? 30_000);
  const timer = setTimeout(() => cancelled.abort(new RpcError(Code.DeadlineExceeded, "deadline exceeded")), ms);
  response.once("close", () => {
    clearTimeout(timer);
    if (!response.writableFinished) cancelled.abort(new RpcError(Code.Cancelled, "the caller went away"));
  });
  // Only the trace comes from outside: a browser may not set fields or hops.
  const traceparent = request.headers.traceparent;
  return incomingContext(typeof traceparent === "string" ? [["traceparent", traceparent]] : [], {
    service: settings.service,
    method: entry.wire.path,
    deadline: Date.now() + ms,
    source: cancelled,
  });
}

function allowOrigin({ corsOrigins = [] }: WebApiSettings, request: IncomingMessage, response: ServerResponse): void {
  const { origin } = request.headers;
  if (origin === undefined || !(corsOrigins.includes("*") || corsOrigins.includes(origin))) return;
  response.setHeader("access-control-allow-origin", origin);
  response.setHeader("access-control-allow-methods", "POST, OPTIONS");
  response.setHeader("access-control-allow-headers", "authorization, content-type, traceparent, x-request-timeout-ms");
  response.setHeader("vary", "origin");
}

/** google.rpc.Status in JSON. Stacks and causes stay inside; the error's id leads to them in the log. */
function sendError(response: ServerResponse, error: RpcError): void {
  const status =
    error.reason === "METHOD_NOT_ALLOWED" ? 405 : error.reason === "BODY_TOO_LARGE" ? 413 : httpStatus(error.code);
  const info = {
    "@type": "type.googleapis.com/google.rpc.ErrorInfo",
    reason: error.reason ?? codeName(error.code),
    domain: "flow",
    metadata: { ...error.fields, "flow.id": error.id },
  };
  // What nobody declared may tell more than outsiders should know.
  const message = error.code === Code.Unknown || error.code === Code.Internal ? "internal error" : error.message;
  response
    .writeHead(status, { "content-type": "application/json" })
    .end(JSON.stringify({ code: error.code, status: codeName(error.code), message, details: [info] }));
}
