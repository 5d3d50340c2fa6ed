import { Context, defaultHops } from "../context.ts";
import { randomId } from "./random-id.ts";
import type { Headers } from "./transport/transport.ts";

/** Names of fields that travel to other services; the rest stay in the process. */
const travelling = new Set<string>();
const mostFieldBytes = 2_048;

/** Lets fields of these names travel with calls to other services. At most 2 KiB of them do. */
export function allowFields(...names: readonly string[]): void {
  for (const name of names) travelling.add(name);
}

const hopsHeader = "flow-hops";
const pathHeader = "flow-path";
const fieldsHeader = "flow-fields";

/** Headers that carry a context to the next service: W3C traceparent, hop limit, way and allowed fields. */
export function outgoingHeaders(ctx: Context): (readonly [string, string])[] {
  const headers: (readonly [string, string])[] = [
    ["traceparent", `00-${ctx.traceId}-${ctx.spanId}-${ctx.sampled ? "01" : "00"}`],
    [hopsHeader, String(ctx.hops - 1)],
  ];
  const path = ctx.service === undefined ? ctx.path : [...ctx.path, ctx.service];
  if (path.length > 0) headers.push([pathHeader, path.join(",")]);
  if (travelling.size > 0) {
    const fields = encodeFields(ctx.fields);
    if (fields !== "") headers.push([fieldsHeader, fields]);
  }
  return headers;
}

function encodeFields(fields: ReadonlyMap<string, string>): string {
  const pairs: string[] = [];
  let bytes = 0;
  for (const [name, value] of fields) {
    if (!travelling.has(name)) continue;
    const pair = `${name}=${encodeURIComponent(value.toWellFormed())}`;
    bytes += pair.length + 1;
    if (bytes > mostFieldBytes) break;
    pairs.push(pair);
  }
  return pairs.join(",");
}

interface Incoming {
  service: string | undefined;
  method: string;
  deadline: number | undefined;
  /** Asked for its signal when somebody wants it. */
  source: { readonly signal: AbortSignal };
}

/** The context of an incoming call. Headers that make no sense are as if they were not there. */
export function incomingContext(headers: Headers, { service, method, deadline, source }: Incoming): Context {
  const { traceparent, hops: hopsText, path, fields } = ownHeaders(headers);
  const parent = traceparent === undefined ? null : traceparentPattern.exec(traceparent);
  const hops = hopsText === undefined ? -1 : Number(hopsText);
  return Context.create({
    service,
    method,
    deadline,
    source,
    spanId: randomId(8),
    traceId: parent === null ? randomId(16) : (parent[1] as string),
    sampled: parent !== null && (Number.parseInt(parent[3] as string, 16) & 1) === 1,
    hops: Number.isInteger(hops) && hops >= 0 && hops <= defaultHops ? hops : defaultHops,
    path: path === undefined || path.length > 2_048 ? [] : path.split(","),
    fields: decodeFields(fields),
  });
}

const traceparentPattern = /^[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})/;

interface OwnHeaders {
  traceparent: string | undefined;
  hops: string | undefined;
  path: string | undefined;
  fields: string | undefined;
}

/** The headers that make a context, the first of each name. */
function ownHeaders(headers: Headers): OwnHeaders {
  const own: OwnHeaders = { traceparent: undefined, hops: undefined, path: undefined, fields: undefined };
  for (const [name, value] of headers) {
    if (typeof value !== "string") continue;
    if (name === "traceparent") own.traceparent ??= value;
    else if (name === hopsHeader) own.hops ??= value;
    else if (name === pathHeader) own.path ??= value;
    else if (name === fieldsHeader) own.fields ??= value;
  }
  return own;
}

/** Whether the caller is a service of ours, which handles the error that it gets. */
export function calledByService(headers: Headers): boolean {
  return headers.some(([name]) => name === pathHeader);
}

const noFields: ReadonlyMap<string, string> = new Map();

function decodeFields(text: string | undefined): ReadonlyMap<string, string> {
  if (text === undefined) return noFields;
  const fields = new Map<string, string>();
  if (text.length > 2 * mostFieldBytes) return fields;
  for (const pair of text.split(",")) {
    const at = pair.indexOf("=");
    const name = pair.slice(0, at);
    if (at <= 0 || !/^[A-Za-z0-9._-]{1,64}$/.test(name)) continue;
    try {
      fields.set(name, decodeURIComponent(pair.slice(at + 1)));
    } catch {
      // Not one of ours.
    }
  }
  return fields;
}
