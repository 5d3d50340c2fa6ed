import { ApiError, notImplemented } from "./errors.ts";
import { allCommon, type CommonParameter } from "./query.ts";
import type { Reply } from "./reply.ts";
import type { ApiRequest } from "./request.ts";

export type Handler = (request: ApiRequest) => Reply | Promise<Reply>;

type Method = "GET" | "PUT" | "DELETE";

export type Endpoint = Readonly<Partial<Record<Method, Handler>>> & {
  /** Default: all of them. */
  readonly reads?: readonly CommonParameter[];
};

/** Endpoints by path; one that ends in `/` takes everything below it as `rest`. */
export type Routes = Readonly<Record<string, Endpoint>>;

export interface Found {
  handler: Handler;
  rest: string;
  reads: readonly CommonParameter[];
}

/** The same endpoints, all reading these common parameters but where one says so itself. */
export function reading(reads: readonly CommonParameter[], routes: Routes): Routes {
  return Object.fromEntries(Object.entries(routes).map(([path, endpoint]) => [path, { reads, ...endpoint }]));
}

/** Finds endpoints: the exact path first, then the longest that ends in `/`. */
export class Router {
  readonly #exact = new Map<string, Endpoint>();
  readonly #below: [path: string, endpoint: Endpoint][] = [];

  constructor(...all: readonly Routes[]) {
    for (const routes of all) {
      for (const [path, endpoint] of Object.entries(routes)) {
        if (path.endsWith("/")) this.#below.push([path, endpoint]);
        else this.#exact.set(path, endpoint);
      }
    }
    this.#below.sort(([a], [b]) => b.length - a.length);
  }

  /** @throws ApiError 405, 501 */
  find(method: string, path: string): Found | { allow: string } {
    const exact = this.#exact.get(path);
    const [base, endpoint] =
      exact === undefined ? (this.#below.find(([below]) => path.startsWith(below)) ?? []) : [path, exact];
    if (base === undefined || endpoint === undefined) throw notImplemented(path);
    const { reads = allCommon, ...methods } = endpoint;
    const allow = ["OPTIONS", ...Object.keys(methods)].join(",");
    if (method === "OPTIONS") return { allow };
    const handler = methods[method as Method];
    if (handler === undefined) throw new ApiError(405, `method ${method} not allowed`, { Allow: allow });
    return { handler, rest: path.slice(base.length), reads };
  }
}
