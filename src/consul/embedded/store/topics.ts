/** Names of what a blocking query can wait for. Node and service names are compared without case. */
export const topics = {
  nodes: "nodes",
  services: "services",
  sessions: "sessions",
  events: "events",
  node: (name: string) => `node:${name.toLowerCase()}`,
  /** Instances of a service as the catalog knows them. */
  service: (name: string) => `service:${name.toLowerCase()}`,
  /** A service's instances, their checks and their nodes' checks. */
  health: (name: string) => `health:${name.toLowerCase()}`,
  checksOfNode: (name: string) => `checks:node:${name.toLowerCase()}`,
  checksOfService: (name: string) => `checks:service:${name.toLowerCase()}`,
  checksInState: (status: string) => `checks:state:${status}`,
  key: (key: string) => `kv:${key}`,
  sessionsOfNode: (name: string) => `sessions:node:${name.toLowerCase()}`,
  session: (id: string) => `session:${id}`,
} as const;

/** Keys of the table of indexes. */
export const indexNames = {
  nodes: "nodes",
  services: "services",
  checks: "checks",
  kv: "kvs",
  sessions: "sessions",
  node: (name: string) => `node:${name.toLowerCase()}`,
  service: (name: string) => `service:${name.toLowerCase()}`,
  /** When the last instance of any service, or any node, went: the index of those that are unknown. */
  lastServiceGone: "gone:service",
  lastNodeGone: "gone:node",
} as const;
