import { createHash } from "node:crypto";
import { checkView } from "../agent/agent.ts";
import { toLoneCheck, toService, toServiceChecks } from "../agent/definitions.ts";
import { checkShape, serviceShape, type CheckInput, type ServiceInput } from "../agent/inputs.ts";
import { checkFields, nodeServiceFields } from "../filter/fields.ts";
import { ApiError } from "../http/errors.ts";
import { sorted } from "../http/json.ts";
import { withHeaders } from "../http/reply.ts";
import { jsonBody, type ApiRequest } from "../http/request.ts";
import { jittered, nextChange } from "../http/blocking.ts";
import { tenancy } from "../http/query.ts";
import { reading, type Routes } from "../http/router.ts";
import type { HealthStatus } from "../store/rows.ts";
import { topics } from "../store/topics.ts";
import { agentHealthRoutes } from "./agent-health.ts";
import { agentSelfRoutes } from "./agent-self.ts";
import { filterOf } from "./read.ts";
import { json, ok, type Services } from "./services.ts";
import { agentServiceView } from "./views.ts";

/** https://developer.hashicorp.com/consul/api-docs/agent */
export function agentRoutes(services: Services): Routes {
  const { agent } = services;
  const pass = (status: HealthStatus) => (request: ApiRequest) => {
    agent.updateTtl(request.rest, status, request.query.params.get("note") ?? "");
    return ok;
  };
  return reading(tenancy, {
    ...agentSelfRoutes(services),
    ...agentHealthRoutes(services),
    "/v1/agent/services": { GET: (request) => listServices(services, request) },
    "/v1/agent/service/": { reads: [...tenancy, "blocking"], GET: (request) => showService(services, request) },
    "/v1/agent/checks": { GET: (request) => listChecks(services, request) },
    "/v1/agent/service/register": { PUT: (request) => registerService(services, request) },
    "/v1/agent/service/deregister/": {
      PUT: (request) => {
        agent.deregisterService(request.rest);
        return ok;
      },
    },
    "/v1/agent/service/maintenance/": {
      PUT: (request) => {
        if (request.rest === "") throw new ApiError(400, "Missing service ID");
        agent.setServiceMaintenance(request.rest, maintenanceReason(request));
        return ok;
      },
    },
    "/v1/agent/maintenance": {
      reads: [],
      PUT: (request) => {
        agent.setNodeMaintenance(maintenanceReason(request));
        return ok;
      },
    },
    "/v1/agent/check/register": { PUT: (request) => registerCheck(services, request) },
    "/v1/agent/check/deregister/": {
      PUT: (request) => {
        agent.deregisterCheck(request.rest);
        return ok;
      },
    },
    "/v1/agent/check/pass/": { PUT: pass("passing") },
    "/v1/agent/check/warn/": { PUT: pass("warning") },
    "/v1/agent/check/fail/": { PUT: pass("critical") },
    "/v1/agent/check/update/": { PUT: (request) => updateCheck(services, request) },
  });
}

function listServices(services: Services, request: ApiRequest) {
  const filter = filterOf<ReturnType<typeof agentServiceView>>(request, nodeServiceFields);
  const views = services.agent.services().map((service) => agentServiceView(service, services.config.datacenter));
  return json(services, request, sorted(filter(views).map((view) => [view.ID, view])));
}

/** This one blocks by `?hash`, for as long as the service is what the hash stands for. */
async function showService(services: Services, request: ApiRequest) {
  const { params, waitMs } = request.query;
  const end = performance.now() + jittered(waitMs);
  for (let gone = false; ;) {
    const service = services.agent.service(request.rest);
    if (service === undefined) throw new ApiError(404, `unknown service ID: ${request.rest}`);
    const { Datacenter, ...view } = agentServiceView(service, services.config.datacenter);
    const ContentHash = createHash("sha256").update(JSON.stringify(view)).digest("hex").slice(0, 16);
    const ms = end - performance.now();
    if (gone || ms <= 0 || params.get("hash") !== ContentHash) {
      const reply = json(services, request, { ...view, ContentHash, Datacenter });
      return withHeaders(reply, { "X-Consul-Contenthash": ContentHash });
    }
    const interest = { topics: [topics.service(service.Service)] };
    gone = await nextChange(services.store, request, { interest, ms });
  }
}

function listChecks({ agent, ...services }: Services, request: ApiRequest) {
  const views = agent.checks().map((check) => {
    const { Definition, ...view } = checkView(
      { ...check, output: agent.output(check) },
      agent.service(check.serviceId),
    );
    return {
      Node: services.config.nodeName,
      ...view,
      ExposedPort: 0,
      Definition,
      CreateIndex: 0,
      ModifyIndex: 0,
    };
  });
  const filter = filterOf<(typeof views)[number]>(request, checkFields);
  return json({ agent, ...services }, request, sorted(filter(views).map((view) => [view.CheckID, view])));
}

async function registerService({ agent, config }: Services, request: ApiRequest) {
  const input = await jsonBody<ServiceInput>(request, serviceShape);
  const service = toService(input);
  const checks = toServiceChecks(input, service, config.scriptChecks);
  const replace = request.query.params.get("replace-existing-checks");
  agent.registerService(service, checks, { replaceChecks: replace === "" || replace === "true" });
  return ok;
}

async function registerCheck({ agent, config }: Services, request: ApiRequest) {
  const input = await jsonBody<CheckInput>(request, checkShape);
  agent.registerCheck(toLoneCheck(input, config.scriptChecks));
  return ok;
}

async function updateCheck({ agent }: Services, request: ApiRequest) {
  const { Status = "", Output = "" } = await jsonBody<{ Status?: string; Output?: string }>(request, {
    Status: "string",
    Output: "string",
  });
  if (Status !== "passing" && Status !== "warning" && Status !== "critical") {
    throw new ApiError(400, `Invalid check status: '${Status}'`);
  }
  agent.updateTtl(request.rest, Status, Output);
  return ok;
}

/** The reason to switch maintenance on with, perhaps empty; undefined switches it off. */
function maintenanceReason({ query: { params } }: ApiRequest): string | undefined {
  const enable = params.get("enable");
  if (enable === null || enable === "") throw new ApiError(400, "Missing value for enable");
  if (/^(0|f|false)$/i.test(enable)) return undefined;
  if (!/^(1|t|true)$/i.test(enable)) throw new ApiError(400, `Invalid value for enable: ${JSON.stringify(enable)}`);
  return params.get("reason") ?? "";
}
