import { ApiError, notImplemented } from "./errors.ts";
import type { Reply } from "./reply.ts";
import type { ApiRequest } from "./request.ts";

export type Handler = (request: ApiRequest) => Reply | Promise<Reply>;

/** Endpoints by path; one that ends in `/` takes everything below it as `rest`. */
export type Routes = Readonly<Record<string, Partial<Record<"GET" | "PUT" | "DELETE", Handler>>>>;

/** Finds endpoints: the exact path first, then the longest that ends in `/`. */
export class Router {
  readonly #exact = new Map<string, Routes[string]>();
  readonly #below: [path: string, methods: Routes[string]][] = [];

  constructor(...all: readonly Routes[]) {
    for (const routes of all) {
      for (const [path, methods] of Object.entries(routes)) {
        if (path.endsWith("/")) this.#below.push([path, methods]);
        else this.#exact.set(path, methods);
      }
    }
    this.#below.sort(([a], [b]) => b.length - a.length);
  }

  /** @throws ApiError 405, 501 */
  find(method: string, path: string): { handler: Handler; rest: string } | { allow: string } {
    const exact = this.#exact.get(path);
    const [base, methods] =
      exact === undefined ? (this.#below.find(([below]) => path.startsWith(below)) ?? []) : [path, exact];
    if (base === undefined || methods === undefined) throw notImplemented(path);
    const allow = ["OPTIONS", ...Object.keys(methods)].join(",");
    if (method === "OPTIONS") return { allow };
    const handler = methods[method as keyof typeof methods];
    if (handler === undefined) throw new ApiError(405, `method ${method} not allowed`, { Allow: allow });
    return { handler, rest: path.slice(base.length) };
  }
}
