export interface CheckDefinition {
  /** `host:port` or `host:port/service`: asked by grpc.health.v1. */
  grpc?: string;
  /** Asks with TLS; which name its certificate is for is not looked at. */
  grpcTls?: boolean;
  /** URL: 2xx passes, 429 warns, the rest fails. */
  http?: string;
  /** `host:port`: whether it accepts connections. */
  tcp?: string;
  /** Must be renewed within this time; starts critical. */
  ttl?: string;
  /** E.g. `2s`. */
  interval?: string;
  timeout?: string;
  /** Takes the instance out after it was critical for this long; Consul's minimum is 1m. */
  deregisterAfter?: string;
  /** What the check counts as before its first run, default critical. */
  status?: "passing" | "warning" | "critical";
}

export interface ServiceRegistration {
  id: string;
  name: string;
  address: string;
  port: number;
  tags?: readonly string[];
  /** Keys of letters, digits, `_`, `-`; values up to 512 characters; at most 64 pairs. */
  meta?: Readonly<Record<string, string>>;
  check?: CheckDefinition;
}

export type HealthStatus = "passing" | "warning" | "critical";

export interface ServiceInstance {
  id: string;
  service: string;
  address: string;
  port: number;
  tags: readonly string[];
  meta: Readonly<Record<string, string>>;
  node: string;
  datacenter: string;
  /** The worst of its checks, the node's included. */
  status: HealthStatus;
}

export interface AgentService {
  id: string;
  service: string;
  address: string;
  port: number;
  tags: readonly string[];
}

export interface WatchHealthOptions {
  /** Only instances whose checks all pass. */
  passing?: boolean;
  signal: AbortSignal;
  /** Called with the first list, and then whenever it differs. */
  onChange: (instances: readonly ServiceInstance[]) => void;
  /** Called when Consul cannot be asked; the watch goes on by itself. */
  onError?: (error: unknown) => void;
}

export interface WatchCatalogOptions {
  signal: AbortSignal;
  /** Names of all services with all tags of their instances. */
  onChange: (services: Readonly<Record<string, readonly string[]>>) => void;
  onError?: (error: unknown) => void;
}

export interface Consul {
  /** host:port of the agent. */
  readonly address: string;
  register(registration: ServiceRegistration): Promise<void>;
  /** Deregistering what is not there is fine. */
  deregister(id: string): Promise<void>;
  agentServices(): Promise<readonly AgentService[]>;
  services(): Promise<Readonly<Record<string, readonly string[]>>>;
  health(service: string, options?: { passing?: boolean }): Promise<readonly ServiceInstance[]>;
  /** Address of the leader; empty while there is none. */
  leader(): Promise<string>;
  watchHealth(service: string, options: WatchHealthOptions): void;
  watchCatalog(options: WatchCatalogOptions): void;
}

export interface ConsulOptions {
  /** `host:port` or a URL. */
  address: string;
  token?: string;
  datacenter?: string;
}
