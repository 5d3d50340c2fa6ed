export { createConsul } from "./client.ts";
export type {
  AgentService,
  CheckDefinition,
  Consul,
  ConsulOptions,
  HealthStatus,
  ServiceInstance,
  ServiceRegistration,
  WatchCatalogOptions,
  WatchHealthOptions,
} from "./types.ts";
