import type { DescService } from "@bufbuild/protobuf";

/** Where a service registers what it implements. Generated `registerX(server, implementation)` call it. */
export interface Server {
  /** Adds every method of a proto service. @throws TypeError when the implementation lacks one */
  add(service: DescService, implementation: object): void;
}

/** A service: what it is, what it implements, and a method per RPC. */
export abstract class Service {
  /** One line on what the service is, shown in Consul and the catalog. */
  abstract desc(): string;
  /** Registers the proto services it implements. */
  abstract register(server: Server): void;
  /** Called after the last call ended, before the process does: close databases here. */
  async close(): Promise<void> {}
}
