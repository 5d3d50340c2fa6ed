import { parseTags, type InvalidClaim, type MethodClaim, type PrefixClaim } from "./tags.ts";

/** A way in: which service answers, and what the edge has to know of it. */
export interface MethodRoute extends Omit<MethodClaim, "kind" | "enabled"> {
  kind: "method";
  service: string;
}

export interface PrefixRoute extends Omit<PrefixClaim, "kind"> {
  kind: "prefix";
  service: string;
}

export type Route = MethodRoute | PrefixRoute;

/** Two or more services claim the same way in: none of them gets it. */
export interface Conflict {
  kind: "conflict";
  /** The method or prefix. */
  claim: string;
  services: readonly string[];
}

export interface Refusal extends InvalidClaim {
  service: string;
}

/** All routes at one moment. */
export interface RouteTable {
  readonly methods: ReadonlyMap<string, MethodRoute>;
  /** Longest prefix first. */
  readonly prefixes: readonly PrefixRoute[];
  readonly conflicts: readonly Conflict[];
  /** Tags that claim what cannot be had. */
  readonly refused: readonly Refusal[];
}

/** Builds the table of the services' tags. Which service came first makes no difference, so all edges agree. */
export function buildRoutes(services: ReadonlyMap<string, readonly string[]>): RouteTable {
  const claimants = new Map<string, Set<string>>();
  const methods = new Map<string, MethodRoute>();
  const prefixes = new Map<string, PrefixRoute>();
  const refused: Refusal[] = [];
  const claim = (path: string, service: string) => claimants.set(path, (claimants.get(path) ?? new Set()).add(service));
  for (const [service, tags] of [...services].sort(([a], [b]) => (a < b ? -1 : 1))) {
    for (const found of parseTags(tags)) {
      if (found.kind === "invalid") refused.push({ ...found, service });
      else if (found.kind === "prefix") {
        claim(found.prefix, service);
        prefixes.set(found.prefix, { ...found, service });
      } else if (found.enabled) {
        claim(found.method, service);
        methods.set(found.method, merge(methods.get(found.method), methodRoute(found, service)));
      }
    }
  }
  const conflicts: Conflict[] = [];
  for (const [path, names] of claimants) {
    if (names.size < 2) continue;
    conflicts.push({ kind: "conflict", claim: path, services: [...names].sort() });
    methods.delete(path);
    prefixes.delete(path);
  }
  const longestFirst = [...prefixes.values()].sort((a, b) => b.prefix.length - a.prefix.length);
  return { methods, prefixes: longestFirst, conflicts, refused };
}

function methodRoute(claim: MethodClaim, service: string): MethodRoute {
  const { method, upload, idempotent } = claim;
  return { kind: "method", method, public: claim.public, upload, idempotent, service };
}

/** During a rolling change of options the catalog shows both tags: the careful reading of each flag counts. */
function merge(before: MethodRoute | undefined, next: MethodRoute): MethodRoute {
  if (before === undefined || before.service !== next.service) return next;
  return {
    ...next,
    public: before.public && next.public,
    upload: before.upload || next.upload,
    idempotent: before.idempotent && next.idempotent,
  };
}

const api = "/api";

/** The route of a path (without its query), the conflict that blocks it, or undefined. */
export function findRoute(table: RouteTable, path: string): Route | Conflict | undefined {
  const claim = path.startsWith(`${api}/`) ? path.slice(api.length) : undefined;
  if (claim !== undefined) return table.methods.get(claim) ?? conflictOf(table, claim);
  const found = table.prefixes.find(({ prefix }) => isBelow(path, prefix));
  const blocked = table.conflicts
    .filter((conflict) => isBelow(path, conflict.claim))
    .find(({ claim }) => found === undefined || claim.length > found.prefix.length);
  return blocked ?? found;
}

function conflictOf(table: RouteTable, claim: string): Conflict | undefined {
  return table.conflicts.find((conflict) => conflict.claim === claim);
}

function isBelow(path: string, prefix: string): boolean {
  return prefix === "/" || path === prefix || path.startsWith(`${prefix}/`);
}
