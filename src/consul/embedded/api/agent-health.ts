import type { AgentService } from "../agent/definitions.ts";
import { ApiError } from "../http/errors.ts";
import { textReply, withHeaders } from "../http/reply.ts";
import type { ApiRequest } from "../http/request.ts";
import type { Routes } from "../http/router.ts";
import { json, type Services } from "./services.ts";
import { agentServiceView } from "./views.ts";

type Aggregate = "passing" | "warning" | "critical" | "maintenance";

const statusCodes: Readonly<Record<Aggregate, number>> = {
  passing: 200,
  warning: 429,
  critical: 503,
  maintenance: 503,
};
const severity: readonly Aggregate[] = ["passing", "warning", "critical", "maintenance"];

/** Health of this agent's own services, told by the status code: 200, 429 warning, 503 critical, 404 unknown. */
export function agentHealthRoutes(services: Services): Routes {
  return {
    "/v1/agent/health/service/id/": { GET: (request) => byId(services, request) },
    "/v1/agent/health/service/name/": { GET: (request) => byName(services, request) },
  };
}

function byId(services: Services, request: ApiRequest) {
  const id = request.rest;
  if (id === "") throw new ApiError(500, "Missing serviceID");
  const service = services.agent.service(id);
  if (service === undefined) {
    const none = { AggregatedStatus: "critical", Service: null, Checks: null };
    return respond(services, request, { value: none, status: 404, reason: `ServiceId ${id} not found` });
  }
  const health = healthOf(services, service);
  return respond(services, request, {
    value: health,
    status: statusCodes[health.AggregatedStatus],
    reason: health.AggregatedStatus,
  });
}

function byName(services: Services, request: ApiRequest) {
  const name = request.rest;
  if (name === "") throw new ApiError(500, "Missing service Name");
  const all = services.agent
    .services()
    .filter(({ Service }) => Service === name)
    .map((service) => healthOf(services, service));
  if (all.length === 0) {
    return respond(services, request, { value: [], status: 404, reason: `ServiceName ${name} Not Found` });
  }
  const reason = worst(all.map(({ AggregatedStatus }) => AggregatedStatus));
  return respond(services, request, { value: all, status: statusCodes[reason], reason });
}

function respond(
  services: Services,
  request: ApiRequest,
  { value, status, reason }: { value: unknown; status: number; reason: string },
) {
  const asText = request.query.params.get("format") === "text";
  const reply = asText ? textReply(reason, status) : json(services, request, value, status);
  return withHeaders(reply, { "X-Consul-Reason": reason, ...(asText ? { "Content-Type": "text/plain" } : {}) });
}

/** This endpoint has a form of its own for checks, without how they are done. */
const emptyDefinition = {
  Interval: "0s",
  Timeout: "0s",
  DeregisterCriticalServiceAfter: "0s",
  HTTP: "",
  Header: null,
  Method: "",
  Body: "",
  TLSServerName: "",
  TLSSkipVerify: false,
  TCP: "",
  UDP: "",
  GRPC: "",
  GRPCUseTLS: false,
};

function healthOf({ agent, config }: Services, service: AgentService) {
  const checks = agent.checks().filter(({ serviceId }) => serviceId === service.ID || serviceId === "");
  return {
    AggregatedStatus: worst(
      checks.map(({ probe, status }): Aggregate => (probe.type === "maintenance" ? "maintenance" : status)),
    ),
    Service: agentServiceView(service, config.datacenter),
    Checks: checks.map((check) => ({
      Node: config.nodeName,
      CheckID: check.id,
      Name: check.name,
      Status: check.status,
      Notes: check.notes,
      Output: agent.output(check),
      ServiceID: check.serviceId,
      ServiceName: check.serviceId === "" ? "" : service.Service,
      ServiceTags: check.serviceId === "" || service.Tags.length === 0 ? null : service.Tags,
      Type: "",
      ExposedPort: 0,
      Definition: emptyDefinition,
      CreateIndex: 0,
      ModifyIndex: 0,
    })),
  };
}

function worst(states: readonly Aggregate[]): Aggregate {
  return states.reduce<Aggregate>((a, b) => (severity.indexOf(b) > severity.indexOf(a) ? b : a), "passing");
}
