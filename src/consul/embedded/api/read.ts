import { answerRead, type Read } from "../http/blocking.ts";
import { ApiError } from "../http/errors.ts";
import { withHeaders, type Reply } from "../http/reply.ts";
import type { ApiRequest } from "../http/request.ts";
import { compileFilter } from "../filter/index.ts";
import type { Fields } from "../filter/fields.ts";
import type { Store } from "../store/store.ts";
import { json, type Services } from "./services.ts";

interface ReadOptions {
  /** Catalog and health say how consistent they were; key/value and sessions do not. */
  consistency?: boolean;
  /** Knows `?cached`. Every answer here is fresh, which is what a cache that is followed promises. */
  cacheable?: boolean;
}

/** Answers a read that may block, with the headers that tell how it came about. */
export async function read({ store }: Services, request: ApiRequest, options: Read & ReadOptions): Promise<Reply> {
  const reply = await answerRead(store, request, options);
  return withHeaders(reply, {
    "X-Consul-Knownleader": "true",
    "X-Consul-Lastcontact": "0",
    "X-Consul-Query-Backend": "blocking-query",
    ...(options.consistency === true ? { "X-Consul-Effective-Consistency": request.query.consistency } : {}),
    ...(options.cacheable === true && request.query.cached ? cacheHeaders(store, request.cacheKey) : {}),
  });
}

/** A read whose answer is a JSON value. */
export async function readJson(
  services: Services,
  request: ApiRequest,
  options: Omit<Read, "run"> & ReadOptions & { run(): { index: number; value: unknown } },
): Promise<Reply> {
  return await read(services, request, {
    ...options,
    run: () => {
      const { index, value } = options.run();
      return { index, reply: json(services, request, value) };
    },
  });
}

/** The `filter` of a request. @throws ApiError 500, as Consul does for a bad expression */
export function filterOf<Row>(request: ApiRequest, fields: Fields): (rows: Row[]) => Row[] {
  const text = request.query.params.get("filter") ?? "";
  if (text === "") return (rows) => rows;
  const matches = compileFilter(text, fields);
  return (rows) => rows.filter((row) => matches(row));
}

/** `node-meta=key:value`, all of which must hold. */
export function nodeMetaFilter(request: ApiRequest): (meta: Record<string, string> | null | undefined) => boolean {
  const pairs = request.query.params.getAll("node-meta").map((pair): [string, string] => {
    const at = pair.indexOf(":");
    return at === -1 ? [pair, ""] : [pair.slice(0, at), pair.slice(at + 1)];
  });
  return (meta) => pairs.every(([key, value]) => meta?.[key] === value);
}

/** `tag=`, all of which a service must have; case does not count. */
export function tagFilter(request: ApiRequest): (tags: readonly string[]) => boolean {
  const wanted = request.query.params.getAll("tag").map((tag) => tag.toLowerCase());
  return (tags) => wanted.every((tag) => tags.some((has) => has.toLowerCase() === tag));
}

/** The part of the path that names something. @throws ApiError 400 */
export function nameOf(request: ApiRequest, what: string): string {
  if (request.rest === "") throw new ApiError(400, `Missing ${what}`);
  return request.rest;
}

const seen = new WeakMap<Store, Set<string>>();
const mostSeen = 10_000;

function cacheHeaders(store: Store, key: string): Record<string, string> {
  let keys = seen.get(store);
  if (keys === undefined) seen.set(store, (keys = new Set()));
  if (keys.has(key)) return { "X-Cache": "HIT", Age: "0" };
  if (keys.size >= mostSeen) keys.clear();
  keys.add(key);
  return { "X-Cache": "MISS" };
}
