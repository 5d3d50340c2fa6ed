/**
 * What a service says of its HTTP side in its Consul tags:
 *
 * - `flow.method=/common.Product/Get;enable;public` — a method of its web API, offered at `/api/common.Product/Get`.
 *   Flags: `enable` (without it the method stays inside), `public`, `upload` (takes large bodies), `idempotent`
 *   (may be sent again when an instance broke off before it answered).
 * - `flow.http=/hello` — everything below a path belongs to the service, for programs that speak plain HTTP.
 *   Flag `strip` takes the prefix off before the request is passed on.
 */
export interface MethodClaim {
  kind: "method";
  /** `/common.Product/Get` */
  method: string;
  enabled: boolean;
  public: boolean;
  upload: boolean;
  idempotent: boolean;
}

export interface PrefixClaim {
  kind: "prefix";
  /** `/hello`, without a slash at its end; `/` alone claims everything that is left. */
  prefix: string;
  strip: boolean;
}

/** A tag of ours that makes no sense. */
export interface InvalidClaim {
  kind: "invalid";
  tag: string;
  reason: string;
}

export type Claim = MethodClaim | PrefixClaim | InvalidClaim;

const methodTag = "flow.method=";
const prefixTag = "flow.http=";
const methodFlags = new Set(["enable", "public", "upload", "idempotent"]);
/** Paths that are the edge's own. */
const reserved = ["/api", "/-"];

/** The claim of one tag; undefined when the tag is none of ours. */
export function parseTag(tag: string): Claim | undefined {
  if (tag.startsWith(methodTag)) return methodClaim(tag, tag.slice(methodTag.length).split(";"));
  if (tag.startsWith(prefixTag)) return prefixClaim(tag, tag.slice(prefixTag.length).split(";"));
  return undefined;
}

/** All claims of a service's or instance's tags. */
export function parseTags(tags: readonly string[]): Claim[] {
  return tags.map(parseTag).filter((claim) => claim !== undefined);
}

function methodClaim(tag: string, [method = "", ...flags]: string[]): Claim {
  if (!/^\/[A-Za-z_][\w.]*\/[A-Za-z_]\w*$/.test(method)) {
    return { kind: "invalid", tag, reason: "a method is /package.Service/Method" };
  }
  // Flags that a newer runtime may add are left alone.
  const known = new Set(flags.filter((flag) => methodFlags.has(flag)));
  return {
    kind: "method",
    method,
    enabled: known.has("enable"),
    public: known.has("public"),
    upload: known.has("upload"),
    idempotent: known.has("idempotent"),
  };
}

function prefixClaim(tag: string, [path = "", ...flags]: string[]): Claim {
  const prefix = path === "/" ? path : path.replace(/\/+$/, "");
  if (!/^\/[A-Za-z0-9._~/-]*$/.test(prefix) || prefix.includes("//") || /(^|\/)\.\.?(\/|$)/.test(prefix)) {
    return { kind: "invalid", tag, reason: "a prefix is an absolute path of letters, digits and ._~-" };
  }
  const taken = reserved.find((path) => prefix === path || prefix.startsWith(`${path}/`));
  if (taken !== undefined) return { kind: "invalid", tag, reason: `${taken}/ is the edge's own` };
  return { kind: "prefix", prefix, strip: flags.includes("strip") };
}
