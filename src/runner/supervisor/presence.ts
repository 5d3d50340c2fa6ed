import type { Consul } from "../../runtime/consul/index.ts";
import type { ProcessPlan } from "../types.ts";
import type { GateTarget } from "./gates.ts";
import { checkOf, type Registrar } from "./registrar.ts";
import type { ServicePort } from "./service-port.ts";

/** How a run speaks to Consul. */
export interface ConsulAccess {
  client: Consul;
  registrar: Registrar;
}

/** Where a program is found: its port, and its place in Consul, which flow sees to for a program that does not. */
export class Presence {
  readonly #plan: ProcessPlan;
  readonly #port: ServicePort;
  readonly #consul: ConsulAccess | undefined;

  constructor(plan: ProcessPlan, port: ServicePort, consul: ConsulAccess | undefined) {
    this.#plan = plan;
    this.#port = port;
    this.#consul = consul;
  }

  /** Id in Consul: a changed port is another instance. Undefined for what has no place there. */
  get id(): string | undefined {
    const { registration, name } = this.#plan;
    const { reached } = this.#port;
    return registration === "none" || reached === undefined ? undefined : `${name}-${reached}`;
  }

  get target(): GateTarget {
    const { name } = this.#plan;
    return { name, port: this.#port.number, consulId: this.id, consul: this.#consul?.client };
  }

  /** Registers the program, unless it does so itself. Rejects when `signal` is aborted. */
  async register(signal: AbortSignal): Promise<void> {
    const { registration, name, gate } = this.#plan;
    const { id } = this;
    if (typeof registration === "string" || this.#consul === undefined || id === undefined) return;
    const port = this.#port.number as number;
    const status = gate.consul === true ? "critical" : "passing";
    await this.#consul.registrar.put(
      { id, name, address: "127.0.0.1", port, tags: registration.tags, check: { ...checkOf(gate, port), status } },
      signal,
    );
  }

  /** Takes it out, whoever registered it. */
  async deregister(): Promise<void> {
    if (this.id !== undefined) await this.#consul?.registrar.remove(this.id);
  }
}
