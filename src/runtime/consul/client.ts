import { EventEmitter } from "node:events";
import Client from "consul";
import type {
  AgentService,
  CheckDefinition,
  Consul,
  ConsulOptions,
  HealthStatus,
  ServiceInstance,
  ServiceRegistration,
} from "./types.ts";
import { watch, type Answer } from "./watch.ts";

/** An agent that has not answered by then is taken for one that is down. Blocking queries have a time of their own. */
const requestTimeoutMs = 10_000;

/** Connects to a Consul agent by its HTTP API; no request is made yet. */
export function createConsul({ address, token, datacenter }: ConsulOptions): Consul {
  const url = new URL(address.includes("://") ? address : `http://${address}`);
  const secure = url.protocol === "https:";
  const port = Number(url.port || (secure ? 443 : 8500));
  const defaults = {
    timeout: requestTimeoutMs,
    ...(token === undefined ? {} : { token }),
    ...(datacenter === undefined ? {} : { dc: datacenter }),
  };
  // The library's types leave the timeout out.
  const client = new Client({ host: url.hostname.replace(/^\[|\]$/g, ""), port, secure, defaults: defaults as object });
  const health = (service: string, passing: boolean, blocking: object = {}) =>
    client.health.service({ service, passing, ...blocking } as never);
  return {
    address: `${url.hostname}:${port}`,
    register: async (registration) => {
      await client.agent.service.register(definition(registration) as never);
    },
    deregister: async (id) => {
      await client.agent.service.deregister(id).catch((error: unknown) => {
        if (statusOf(error) !== 404) throw error;
      });
    },
    agentServices: async () =>
      Object.values((await client.agent.service.list()) as Record<string, RawService>).map(toAgentService),
    services: async () => (await client.catalog.service.list()) as unknown as Record<string, string[]>,
    health: async (service, options = {}) =>
      ((await health(service, options.passing === true)) as RawEntry[]).map(toInstance),
    leader: async () => (await client.status.leader()) as unknown as string,
    watchHealth: (service, { passing = false, ...options }) =>
      watch<readonly ServiceInstance[]>({
        ...options,
        ask: async (blocking, signal) => {
          const answer = await asking(signal, (ctx) => health(service, passing, { ...blocking, ctx }));
          return {
            ...answer,
            value: (answer.value as RawEntry[]).map(toInstance).sort((a, b) => (a.id < b.id ? -1 : 1)),
          };
        },
      }),
    watchCatalog: (options) =>
      watch<Readonly<Record<string, readonly string[]>>>({
        ...options,
        ask: (blocking, signal) =>
          asking(signal, (ctx) => client.catalog.service.list({ ...blocking, ctx } as never)) as Promise<
            Answer<Record<string, string[]>>
          >,
      }),
  };
}

/** The library gives headers and takes cancels only by an event emitter. */
async function asking(signal: AbortSignal, request: (ctx: EventEmitter) => Promise<unknown>): Promise<Answer<unknown>> {
  const ctx = Object.assign(new EventEmitter(), { includeResponse: true });
  const cancel = () => void ctx.emit("cancel");
  signal.addEventListener("abort", cancel, { once: true });
  try {
    const [response, value] = (await request(ctx)) as unknown as [
      { headers: Record<string, string | undefined> },
      unknown,
    ];
    return { value, index: Number(response.headers["x-consul-index"] ?? 0) };
  } finally {
    signal.removeEventListener("abort", cancel);
  }
}

function statusOf(error: unknown): number | undefined {
  const response =
    typeof error === "object" && error !== null && "response" in error
      ? (error.response as { statusCode?: number })
      : undefined;
  return response?.statusCode;
}

function definition({ check, tags, meta, ...service }: ServiceRegistration): Record<string, unknown> {
  return {
    ...service,
    ...(tags === undefined ? {} : { tags: [...tags] }),
    ...(meta === undefined ? {} : { meta }),
    ...(check === undefined ? {} : { check: checkBody(check) }),
  };
}

function checkBody({ deregisterAfter, grpcTls, ...check }: CheckDefinition): Record<string, unknown> {
  const tls = grpcTls === true ? { grpcusetls: true, tlsskipverify: true } : {};
  return {
    ...check,
    ...tls,
    ...(deregisterAfter === undefined ? {} : { deregistercriticalserviceafter: deregisterAfter }),
  };
}

interface RawService {
  ID: string;
  Service: string;
  Address: string;
  Port: number;
  Tags: string[] | null;
  Meta: Record<string, string> | null;
}

interface RawEntry {
  Node: { Node: string; Address: string; Datacenter: string };
  Service: RawService;
  Checks: { Status: HealthStatus }[] | null;
}

function toAgentService({ ID, Service, Address, Port, Tags }: RawService): AgentService {
  return { id: ID, service: Service, address: Address, port: Port, tags: Tags ?? [] };
}

const severity: Readonly<Record<HealthStatus, number>> = { passing: 0, warning: 1, critical: 2 };

function toInstance({ Node, Service, Checks }: RawEntry): ServiceInstance {
  const status = (Checks ?? [])
    .map((check) => check.Status)
    .reduce<HealthStatus>((worst, next) => (severity[next] > severity[worst] ? next : worst), "passing");
  return {
    id: Service.ID,
    service: Service.Service,
    // A registration without an address is reached at its node's.
    address: Service.Address === "" ? Node.Address : Service.Address,
    port: Service.Port,
    tags: Service.Tags ?? [],
    meta: Service.Meta ?? {},
    node: Node.Node,
    datacenter: Node.Datacenter,
    status,
  };
}
