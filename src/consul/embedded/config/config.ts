import { hostname } from "node:os";
import { DecodeError, decodeObject, type Shape } from "../go/decode.ts";

/** How the embedded agent runs, after flags and files. */
export interface AgentConfig {
  nodeName: string;
  /** UUID; made up, and kept in the data directory, when undefined. */
  nodeId: string | undefined;
  nodeMeta: Record<string, string>;
  datacenter: string;
  /** Address that the node has in the catalog. */
  advertise: string;
  /** Addresses that the HTTP API listens on. */
  clientAddresses: string[];
  /** 0 takes a free one. */
  httpPort: number;
  /** Shown as the port of the service `consul`; nothing listens there. */
  serverPort: number;
  /** Shown as the port of the member; nothing listens there. */
  gossipPort: number;
  /** Undefined keeps the state in memory. */
  dataDir: string | undefined;
  pidFile: string | undefined;
  /** JSON in answers is indented, as under `consul agent -dev`. */
  indent: boolean;
  scriptChecks: boolean;
  /** Services and checks of configuration files, in the form of their API bodies. */
  services: unknown[];
  checks: unknown[];
  /** Settings that were given and have no effect here. */
  warnings: string[];
}

/** Names and types of Consul's configuration files; what is not listed has no effect here and is accepted. */
export const settingShape = {
  node_name: "string",
  node_id: "string",
  node_meta: "stringMap",
  datacenter: "string",
  data_dir: "string",
  pid_file: "string",
  bind_addr: "string",
  advertise_addr: "string",
  client_addr: "string",
  addresses: "any",
  ports: "any",
  enable_script_checks: "bool",
  enable_local_script_checks: "bool",
  encrypt: "string",
  join: "strings",
  start_join: "strings",
  retry_join: "strings",
  acl: "any",
  service: "any",
  services: "any",
  check: "any",
  checks: "any",
  dev: "bool",
} as const satisfies Shape;

export interface Settings {
  node_name?: string;
  node_id?: string;
  node_meta?: Record<string, string>;
  datacenter?: string;
  data_dir?: string;
  pid_file?: string;
  bind_addr?: string;
  advertise_addr?: string;
  client_addr?: string;
  addresses?: { http?: string };
  ports?: Record<string, number>;
  enable_script_checks?: boolean;
  enable_local_script_checks?: boolean;
  encrypt?: string;
  join?: string[];
  start_join?: string[];
  retry_join?: string[];
  acl?: { enabled?: boolean };
  service?: unknown;
  services?: unknown[];
  check?: unknown;
  checks?: unknown[];
  dev?: boolean;
}

/** Reads one configuration file's settings. @throws DecodeError */
export function decodeSettings(value: unknown): Settings {
  return decodeObject<Settings>(value, settingShape, { unknownFields: "ignore" });
}

/** Joins settings in the order of their precedence, lowest first: maps and lists grow, the rest is replaced. */
export function mergeSettings(all: readonly Settings[]): Settings {
  const merged: Record<string, unknown> = {};
  for (const settings of all) {
    for (const [name, value] of Object.entries(settings)) {
      const old = merged[name];
      if (Array.isArray(old) && Array.isArray(value)) merged[name] = [...(old as unknown[]), ...(value as unknown[])];
      else if (isMap(old) && isMap(value) && name !== "service" && name !== "check")
        merged[name] = { ...old, ...value };
      else merged[name] = value;
    }
  }
  return merged;
}

/** Completes settings by Consul's defaults. @throws DecodeError for what contradicts itself */
export function configure(settings: Settings): AgentConfig {
  const dev = settings.dev === true;
  if (!dev && settings.data_dir === undefined) throw new DecodeError("data_dir cannot be empty");
  const bind = settings.bind_addr ?? "127.0.0.1";
  const clients = settings.addresses?.http ?? settings.client_addr ?? "127.0.0.1";
  const name = settings.node_name ?? hostname();
  if (name === "") throw new DecodeError("node_name cannot be empty");
  return {
    nodeName: name,
    nodeId: settings.node_id?.toLowerCase(),
    nodeMeta: settings.node_meta ?? {},
    datacenter: (settings.datacenter ?? "dc1").toLowerCase(),
    advertise: settings.advertise_addr ?? (isAnyAddress(bind) ? "127.0.0.1" : bind),
    clientAddresses: clients.split(/\s+/).filter((address) => address !== ""),
    httpPort: settings.ports?.http ?? 8500,
    serverPort: settings.ports?.server ?? 8300,
    gossipPort: settings.ports?.serf_lan ?? 8301,
    dataDir: settings.data_dir,
    pidFile: settings.pid_file,
    indent: dev,
    scriptChecks: settings.enable_script_checks === true,
    services: [...(settings.service === undefined ? [] : [settings.service]), ...(settings.services ?? [])],
    checks: [...(settings.check === undefined ? [] : [settings.check]), ...(settings.checks ?? [])],
    warnings: warningsOf(settings),
  };
}

function warningsOf(settings: Settings): string[] {
  const joins = [...(settings.join ?? []), ...(settings.start_join ?? []), ...(settings.retry_join ?? [])];
  const https = settings.ports?.https;
  return [
    ...(joins.length === 0 ? [] : [`joining ${joins.join(", ")} is not possible: this agent is a cluster of its own`]),
    ...(settings.encrypt === undefined ? [] : ["encrypt has no effect: this agent does not gossip"]),
    ...(settings.acl?.enabled === true ? ["acl.enabled has no effect: everything is allowed"] : []),
    ...(https === undefined || https <= 0 ? [] : [`ports.https ${https} is not served: this agent speaks plain HTTP`]),
  ];
}

function isAnyAddress(address: string): boolean {
  return address === "0.0.0.0" || address === "::" || address.includes("{{");
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
