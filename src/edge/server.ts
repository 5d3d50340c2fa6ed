import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { FlowContext } from "../core/context.ts";
import { FlowError, systemCode } from "../core/errors.ts";
import type { Consul } from "../runtime/consul/index.ts";
import { Discovery } from "./discovery.ts";
import { handleExchange, type ExchangeContext } from "./exchange.ts";
import { requestIdOf } from "./headers.ts";
import { defaultLimits, type EdgeLimits } from "./limits.ts";
import type { EdgeLog } from "./log.ts";
import { describeRoutes, isLocal, writeJson, type RoutesDocument } from "./own-pages.ts";
import { RetryBudget } from "./retry-budget.ts";
import { writeFailure } from "./status.ts";
import { parseTarget } from "./target.ts";
import { Watchdog } from "./watchdog.ts";

export interface EdgeOptions {
  consul: Consul;
  /** Address to listen on, default 127.0.0.1. */
  host?: string;
  /** Default 0: a free one. */
  port?: number;
  limits?: Partial<EdgeLimits>;
  /** Believe X-Forwarded-* of the peer, because a proxy of ours is the only one that reaches the edge. Default false. */
  trustProxy?: boolean;
  /** Show clients on this machine the stacks and texts of errors that are hidden from the outside. Default false. */
  debug?: boolean;
  log: EdgeLog;
}

export interface Edge {
  /** host:port */
  readonly address: string;
  /** Resolves when the first routes and their instances are known. Does not reject; Consul is asked until it answers. */
  readonly ready: Promise<void>;
  routes(): RoutesDocument;
  /** Takes no new connection, lets what is in flight end for up to `drainMs`, then cuts it off. */
  close(drainMs: number): Promise<void>;
}

/**
 * Starts the HTTP entry: it listens at once and learns its routes from Consul alone.
 * Aborting `ctx.signal` closes it without a drain.
 * @throws FlowError FLOW_EDGE_CANNOT_LISTEN
 */
export async function startEdge(ctx: Pick<FlowContext, "signal">, options: EdgeOptions): Promise<Edge> {
  const limits = { ...defaultLimits, ...options.limits };
  const stop = new AbortController();
  const discovery = new Discovery(options.consul, { log: options.log, signal: stop.signal, graceMs: limits.graceMs });
  const watchdog = new Watchdog(limits.clientIdleMs, (request) => {
    options.log("warn", "client stalled", { client: request.socket.remoteAddress, path: request.url });
    request.socket.destroy();
  });
  let draining = false;
  const context: ExchangeContext = {
    discovery,
    limits,
    budget: new RetryBudget(),
    log: options.log,
    trustProxy: options.trustProxy === true,
    showsErrors: (request) => options.debug === true && isLocal(request),
    draining: () => draining,
  };
  const handle = (request: IncomingMessage, response: ServerResponse, expectsContinue: boolean) => {
    watchdog.guard(request, response);
    serve(context, { request, response, expectsContinue });
  };
  const server = createServer({
    headersTimeout: limits.headMs,
    // A body may take as long as it moves: the watchdog sees to that.
    requestTimeout: 0,
    keepAliveTimeout: limits.keepAliveMs,
    connectionsCheckingInterval: Math.max(100, Math.min(2_000, limits.headMs / 4)),
  });
  server.on("request", (request, response) => handle(request, response, false));
  server.on("checkContinue", (request, response) => handle(request, response, true));
  const release = () => {
    stop.abort();
    watchdog.close();
  };
  let address: string;
  try {
    address = await listen(server, { host: options.host ?? "127.0.0.1", port: options.port ?? 0 });
  } catch (error) {
    release();
    throw error;
  }
  const cut = () => {
    release();
    server.close();
    server.closeAllConnections();
  };
  ctx.signal.addEventListener("abort", cut, { once: true });
  return {
    address,
    ready: discovery.ready,
    routes: () => describeRoutes(discovery),
    close: async (drainMs) => {
      draining = true;
      ctx.signal.removeEventListener("abort", cut);
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      const timer = setTimeout(() => server.closeAllConnections(), drainMs);
      await closed;
      clearTimeout(timer);
      release();
    },
  };
}

interface Incoming {
  request: IncomingMessage;
  response: ServerResponse;
  expectsContinue: boolean;
}

function serve(context: ExchangeContext, { request, response, expectsContinue }: Incoming): void {
  const requestId = requestIdOf(request.headers);
  // Without listeners a client that breaks off would end the process.
  request.on("error", ignore);
  response.on("error", ignore);
  const target = parseTarget(request.url ?? "");
  if (target === undefined) {
    const failure = { code: "INVALID_ARGUMENT", message: "this path is not accepted", reason: "BAD_PATH" } as const;
    writeFailure(response, failure, requestId);
  } else if (target.path === "/-/healthz") {
    const ready = context.discovery.synced && !context.draining();
    writeJson(response, ready ? 200 : 503, { status: ready ? "serving" : "not serving" });
  } else if (target.path === "/-/routes" && isLocal(request)) {
    writeJson(response, 200, describeRoutes(context.discovery));
  } else {
    void handleExchange(context, { request, response, requestId, expectsContinue, ...target });
  }
}

function ignore(): void {}

async function listen(server: Server, { host, port }: { host: string; port: number }): Promise<string> {
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host, port }, () => {
      server.off("error", reject);
      resolve();
    });
  }).catch((error: unknown) => {
    const taken = systemCode(error) === "EADDRINUSE";
    throw new FlowError("FLOW_EDGE_CANNOT_LISTEN", `the edge cannot listen on ${host}:${port}`, {
      cause: error,
      hint: taken
        ? "another program has this port; end it, or choose another one with FLOW_PORT"
        : "check FLOW_HOST and FLOW_PORT",
    });
  });
  const bound = server.address() as AddressInfo;
  return bound.family === "IPv6" ? `[${bound.address}]:${bound.port}` : `${bound.address}:${bound.port}`;
}
