import type { Agent } from "../agent/agent.ts";
import type { AgentConfig } from "../config/config.ts";
import { emptyReply, jsonReply, type Reply } from "../http/reply.ts";
import type { ApiRequest } from "../http/request.ts";
import type { Store } from "../store/store.ts";
import type { Events } from "./events.ts";
import type { SessionTimers } from "./session-timers.ts";

/** What the endpoints work with. */
export interface Services {
  store: Store;
  agent: Agent;
  events: Events;
  sessionTimers: SessionTimers;
  config: AgentConfig;
  nodeId: string;
}

export function json(services: Services, request: ApiRequest, value: unknown, status = 200): Reply {
  return jsonReply(value, { indent: services.config.indent || request.query.params.has("pretty"), status });
}

export const ok = emptyReply();
