import { join } from "node:path";
import { Agent } from "./agent/agent.ts";
import { toLoneCheck, toService, toServiceChecks } from "./agent/definitions.ts";
import { checkShape, serviceShape, type CheckInput, type ServiceInput } from "./agent/inputs.ts";
import { agentRoutes } from "./api/agent.ts";
import { catalogRoutes } from "./api/catalog.ts";
import { eventRoutes, Events } from "./api/events.ts";
import { healthRoutes } from "./api/health.ts";
import { kvRoutes } from "./api/kv.ts";
import type { Services } from "./api/services.ts";
import { sessionRoutes } from "./api/sessions.ts";
import { SessionTimers } from "./api/session-timers.ts";
import { statusRoutes } from "./api/status.ts";
import { txnRoutes } from "./api/txn.ts";
import type { AgentConfig } from "./config/config.ts";
import { decodeObject } from "./go/decode.ts";
import { Router } from "./http/router.ts";
import { createApiServer, listen } from "./http/server.ts";
import { enterNode } from "./node.ts";
import { Store } from "./store/store.ts";

export { readArguments } from "./config/arguments.ts";
export type { AgentConfig } from "./config/config.ts";
export { embeddedVersion } from "./version.ts";

export interface EmbeddedAgent {
  /** The HTTP API's port, the same on all addresses. */
  port: number;
  nodeId: string;
  /** Ends checks and connections; the state stays where it is. */
  close(): void;
}

/**
 * Starts a Consul agent that is a server and a cluster of its own, written after Consul's public HTTP documentation.
 * It keeps its state in `config.dataDir`. What it does not offer it answers with 501 and a sentence.
 * @throws an error with code EADDRINUSE; DecodeError or ApiError for services and checks of the configuration
 */
export async function startEmbeddedAgent(
  config: AgentConfig,
  onError: (error: unknown) => void,
): Promise<EmbeddedAgent> {
  const store = new Store(config.dataDir === undefined ? undefined : join(config.dataDir, "embedded"));
  const nodeId = enterNode(store, config);
  const agent = new Agent(store, config.nodeName);
  registerConfigured(agent, config);
  const services: Services = {
    store,
    agent,
    events: new Events(),
    sessionTimers: new SessionTimers(store),
    config,
    nodeId,
  };
  const router = new Router(
    agentRoutes(services),
    catalogRoutes(services),
    healthRoutes(services),
    kvRoutes(services),
    sessionRoutes(services),
    eventRoutes(services),
    statusRoutes(services),
    txnRoutes(services),
  );
  const servers = config.clientAddresses.map(() => createApiServer({ router, datacenter: config.datacenter, onError }));
  const close = () => {
    agent.stop();
    services.sessionTimers.stop();
    for (const server of servers) {
      server.close();
      server.closeAllConnections();
    }
    store.close();
  };
  try {
    let port = config.httpPort;
    for (const [at, server] of servers.entries()) port = await listen(server, port, config.clientAddresses[at] ?? "");
    return { port, nodeId, close };
  } catch (error) {
    close();
    throw error;
  }
}

function registerConfigured(agent: Agent, config: AgentConfig): void {
  for (const value of config.services) {
    const input = decodeObject<ServiceInput>(value, serviceShape);
    const service = toService(input);
    agent.registerService(service, toServiceChecks(input, service, true), { replaceChecks: true });
  }
  for (const value of config.checks) {
    agent.registerCheck(toLoneCheck(decodeObject<CheckInput>(value, checkShape), true));
  }
}
