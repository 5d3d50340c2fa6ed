import { isIP } from "node:net";
import { formatDuration, toMilliseconds } from "../go/duration.ts";
import type { Probe } from "../checks/probe.ts";
import { ApiError, notImplemented } from "../http/errors.ts";
import type { HealthStatus } from "../store/rows.ts";
import type { CheckInput, ServiceInput } from "./inputs.ts";
import { checkMeta } from "./meta.ts";

/** A service of this agent, as it is kept. */
export interface AgentService {
  Kind?: "typical";
  ID: string;
  Service: string;
  Tags: string[];
  Meta: Record<string, string>;
  Port: number;
  Address: string;
  SocketPath?: string;
  TaggedAddresses?: Record<string, { Address?: string; Port?: number }>;
  Weights: { Passing: number; Warning: number };
  EnableTagOverride: boolean;
}

/** A check of this agent, as it is kept: its definition and how it stands. */
export interface AgentCheck {
  id: string;
  name: string;
  notes: string;
  /** Empty for a check of the node. */
  serviceId: string;
  interval: string;
  timeout: string;
  probe: Probe;
  /** Results in a row before the status follows. */
  thresholds: { passing: number; warning: number; critical: number };
  /** Ms of being critical after which the service is taken out. */
  deregisterAfterMs?: number;
  status: HealthStatus;
  output: string;
}

const minIntervalMs = 1_000;
const defaultTimeoutMs = 10_000;
const defaultOutputBytes = 4096;
const minDeregisterMs = 60_000;

/** Checks a service registration and completes it. @throws ApiError 400, 501 */
export function toService(input: ServiceInput): AgentService {
  const { Name = "", Weights, Meta = {} } = input;
  if (Name === "") throw new ApiError(400, "Missing service name");
  if (input.Address === "0.0.0.0" || input.Address === "::" || input.Address === "[::]") {
    throw new ApiError(400, "Invalid service address");
  }
  const kind = kindOf(input.Kind);
  if (isFilled(input.Proxy) || isFilled(input.Connect)) throw notImplemented("Connect, the service mesh");
  checkMeta(Meta);
  const taggedAddresses = { ...input.TaggedAddresses, ...ownAddresses(input) };
  return {
    ...kind,
    ID: input.ID === undefined || input.ID === "" ? Name : input.ID,
    Service: Name,
    Tags: input.Tags ?? [],
    Meta,
    Port: input.Port ?? 0,
    Address: input.Address ?? "",
    ...(input.SocketPath === undefined || input.SocketPath === "" ? {} : { SocketPath: input.SocketPath }),
    ...(Object.keys(taggedAddresses).length === 0 ? {} : { TaggedAddresses: taggedAddresses }),
    Weights: toWeights(Weights),
    EnableTagOverride: input.EnableTagOverride ?? false,
  };
}

/** The kind to keep, when one was named. @throws ApiError 501 for those of the service mesh */
export function kindOf(kind: string | undefined): { Kind?: "typical" } {
  if (kind === undefined || kind === "") return {};
  if (kind === "typical") return { Kind: kind };
  throw notImplemented(`services of kind ${kind}`);
}

/** Tagged addresses that follow from an address which is an IP. */
function ownAddresses({ Address = "", Port = 0, TaggedAddresses = {} }: ServiceInput): ServiceInput["TaggedAddresses"] {
  const family = isIP(Address);
  if (family === 0) return {};
  const names = [`lan_ipv${family}`, `wan_ipv${family}`].filter((name) => !Object.hasOwn(TaggedAddresses, name));
  return Object.fromEntries(names.map((name) => [name, { Address, Port }]));
}

/** The checks of a service registration, with their ids. @throws ApiError 400, 500, 501 */
export function toServiceChecks(input: ServiceInput, service: AgentService, scripts: boolean): AgentCheck[] {
  const inputs = [...(input.Check === undefined ? [] : [input.Check]), ...(input.Checks ?? [])].filter(isFilled);
  return inputs.map((one, at) => {
    const counted = inputs.length === 1 ? `service:${service.ID}` : `service:${service.ID}:${at + 1}`;
    if (!isStatus(one.Status)) throw new ApiError(400, "Status for checks must 'passing', 'warning', 'critical'");
    return {
      ...toCheck(one, scripts),
      id: one.CheckID === undefined || one.CheckID === "" ? counted : one.CheckID,
      name: one.Name === undefined || one.Name === "" ? `Service '${service.Service}' check` : one.Name,
      serviceId: service.ID,
    };
  });
}

/** Checks a check registration and completes it. @throws ApiError 400, 500, 501 */
export function toLoneCheck(input: CheckInput, scripts: boolean): AgentCheck {
  const { Name = "", ID = "" } = input;
  if (Name === "") throw new ApiError(400, "Missing check name");
  if (!isStatus(input.Status)) throw new ApiError(400, "Bad check status");
  const lone = toCheck(input, scripts);
  return {
    ...lone,
    id: ID === "" ? Name : ID,
    name: Name,
    serviceId: input.ServiceID ?? "",
    interval: lone.interval === "" ? "0s" : lone.interval,
    timeout: lone.timeout === "" ? "0s" : lone.timeout,
  };
}

function toCheck(input: CheckInput, scripts: boolean): AgentCheck {
  refuseUnsupported(input);
  const { Interval = 0n, Timeout = 0n, TTL = 0n, DeregisterCriticalServiceAfter: after = 0n } = input;
  const args = input.Args ?? input.ScriptArgs ?? [];
  const active = [input.HTTP, input.TCP, input.GRPC].some((target) => (target ?? "") !== "") || args.length > 0;
  if (Interval > 0n && TTL > 0n) throw new ApiError(400, "Invalid check: Interval and TTL cannot both be specified");
  if (active && Interval <= 0n) {
    throw new ApiError(400, "Invalid check: Interval must be > 0 for Script, HTTP, H2PING, TCP or UDP checks");
  }
  if (!active && TTL <= 0n) throw new ApiError(400, "Invalid check: TTL must be > 0 for TTL checks");
  if (args.length > 0 && !scripts) {
    throw new ApiError(
      500,
      "Scripts are disabled on this agent from remote calls; to enable, configure 'enable_script_checks' to true",
    );
  }
  return {
    id: "",
    name: "",
    notes: input.Notes ?? "",
    serviceId: "",
    interval: Interval === 0n ? "" : formatDuration(Interval),
    timeout: Timeout === 0n ? "" : formatDuration(Timeout),
    probe: toProbe(input, args),
    thresholds: {
      passing: input.SuccessBeforePassing ?? 0,
      warning: input.FailuresBeforeWarning ?? input.FailuresBeforeCritical ?? 0,
      critical: input.FailuresBeforeCritical ?? 0,
    },
    ...(after <= 0n ? {} : { deregisterAfterMs: Math.max(minDeregisterMs, toMilliseconds(after)) }),
    status: (input.Status ?? "") === "" ? "critical" : (input.Status as HealthStatus),
    output: "",
  };
}

function toProbe(input: CheckInput, args: string[]): Probe {
  const tls = { serverName: input.TLSServerName ?? "", skipVerify: input.TLSSkipVerify ?? false };
  const maxOutputBytes = (input.OutputMaxSize ?? 0) > 0 ? (input.OutputMaxSize ?? 0) : defaultOutputBytes;
  const schedule = {
    intervalMs: Math.max(minIntervalMs, toMilliseconds(input.Interval ?? 0n)),
    timeoutMs: (input.Timeout ?? 0n) > 0n ? toMilliseconds(input.Timeout ?? 0n) : defaultTimeoutMs,
  };
  if (input.HTTP) {
    return {
      type: "http",
      url: input.HTTP,
      method: input.Method === undefined || input.Method === "" ? "GET" : input.Method.toUpperCase(),
      headers: input.Header ?? {},
      body: input.Body ?? "",
      followRedirects: input.DisableRedirects !== true,
      maxOutputBytes,
      ...tls,
      ...schedule,
    };
  }
  if (input.TCP) return { type: "tcp", address: input.TCP, ...schedule };
  if (input.GRPC) {
    const [address = "", ...service] = input.GRPC.split("/");
    return { type: "grpc", address, service: service.join("/"), tls: input.GRPCUseTLS ?? false, ...tls, ...schedule };
  }
  if (args.length > 0) return { type: "script", args, ...schedule };
  return { type: "ttl", ttlMs: toMilliseconds(input.TTL ?? 0n), maxOutputBytes };
}

function refuseUnsupported(input: CheckInput): void {
  const kinds = {
    UDP: input.UDP,
    H2PING: input.H2PING,
    Docker: input.DockerContainerID,
    alias: input.AliasNode ?? input.AliasService,
  };
  for (const [kind, value] of Object.entries(kinds)) {
    if ((value ?? "") !== "") throw notImplemented(`${kind} checks`);
  }
}

function toWeights(weights: ServiceInput["Weights"]): { Passing: number; Warning: number } {
  if (weights === undefined) return { Passing: 1, Warning: 1 };
  const { Passing = 0, Warning = 0 } = weights;
  if (Passing < 1) throw new ApiError(400, "Invalid Weights: Passing must be greater than 0");
  if (Warning < 0) throw new ApiError(400, "Invalid Weights: Warning must be greater or equal than 0");
  if (Passing > 65_535 || Warning > 65_535) {
    throw new ApiError(400, "Invalid Weights: DNS Weight must be between 0 and 65535");
  }
  return { Passing, Warning };
}

function isStatus(status: string | undefined): boolean {
  return status === undefined || ["", "passing", "warning", "critical"].includes(status);
}

function isFilled(value: unknown): boolean {
  if (value === undefined || value === null) return false;
  return typeof value !== "object" || Object.values(value).some((item) => item !== false && isFilled(item));
}
