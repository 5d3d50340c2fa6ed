import type { IncomingMessage, ServerResponse } from "node:http";
import type { Discovery } from "./discovery.ts";
import type { Conflict, MethodRoute, PrefixRoute, Refusal } from "./route-table.ts";

/** The document at `/-/routes`. */
export interface RoutesDocument {
  /** Whether the last question to Consul was answered. */
  consul: "answering" | "failing";
  methods: (MethodRoute & { path: string; instances: string[] })[];
  prefixes: (PrefixRoute & { instances: string[] })[];
  conflicts: readonly Conflict[];
  refused: readonly Refusal[];
  services: { name: string; instances: { id: string; address: string; inFlight: number }[] }[];
}

export function describeRoutes(discovery: Discovery): RoutesDocument {
  const { table } = discovery;
  const offering = (service: string, claim: string) =>
    (discovery.pool(service)?.endpoints ?? []).filter((endpoint) => endpoint.offers(claim)).map(({ id }) => id);
  return {
    consul: discovery.failing ? "failing" : "answering",
    methods: [...table.methods.values()].map((route) => ({
      ...route,
      path: `/api${route.method}`,
      instances: offering(route.service, route.method),
    })),
    prefixes: table.prefixes.map((route) => ({ ...route, instances: offering(route.service, route.prefix) })),
    conflicts: table.conflicts,
    refused: table.refused,
    services: discovery.pools.map(({ service, endpoints }) => ({
      name: service,
      instances: endpoints.map(({ id, address, inFlight }) => ({ id, address, inFlight })),
    })),
  };
}

export function writeJson(response: ServerResponse, status: number, document: unknown): void {
  const body = `${JSON.stringify(document)}\n`;
  response.writeHead(status, {
    "content-type": "application/json",
    "content-length": Buffer.byteLength(body),
    "cache-control": "no-store",
  });
  response.end(response.req.method === "HEAD" ? undefined : body);
}

/** Whether somebody on this machine asks, and not through a proxy on it. */
export function isLocal(request: IncomingMessage): boolean {
  const { headers, socket } = request;
  if (headers["x-forwarded-for"] !== undefined || headers.forwarded !== undefined) return false;
  const peer = socket.remoteAddress ?? "";
  return peer === "::1" || /^(::ffff:)?127\./.test(peer);
}
