import { setTimeout as delay } from "node:timers/promises";
import { createConsul, type Consul, type ServiceRegistration } from "../../consul/index.ts";
import { environment } from "../../environment.ts";
import { createLogger } from "../../log.ts";

const everyMs = 5_000;
const farewellMs = 3_000;
const log = createLogger(() => (environment.service === undefined ? {} : { service: environment.service }));

/** Keeps a service registered: an agent that lost it (wiped, restarted) has it back within ten seconds. */
export class Registration {
  readonly #consul: Consul;
  readonly #definition: ServiceRegistration;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;
  #lost = false;
  #working: Promise<void> | undefined;

  constructor(address: string, definition: ServiceRegistration) {
    this.#consul = createConsul({
      address,
      ...(environment.consulToken === undefined ? {} : { token: environment.consulToken }),
    });
    this.#definition = definition;
  }

  /** Registers; when Consul cannot be reached it is tried again in the background. */
  async start(): Promise<void> {
    await this.#ensure(true);
    this.#timer = setInterval(() => {
      this.#working ??= this.#ensure(false).finally(() => (this.#working = undefined));
    }, everyMs).unref();
  }

  async #ensure(first: boolean): Promise<void> {
    try {
      const there = !first && (await this.#consul.agentServices()).some(({ id }) => id === this.#definition.id);
      if (!there && !this.#stopped) await this.#consul.register(this.#definition);
      if (this.#lost) log.info("registered in Consul again", { consul: this.#consul.address });
      this.#lost = false;
    } catch (error) {
      if (!this.#lost)
        log.warn("Consul cannot be reached; calls go on, registration is tried again", {
          consul: this.#consul.address,
          why: error instanceof Error ? error.message : String(error),
        });
      this.#lost = true;
    }
  }

  /** Takes the service out of Consul. Failing to, or getting no answer for 3 s, is no reason not to stop. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearInterval(this.#timer);
    const waited = new AbortController();
    const patience = delay(farewellMs, undefined, { signal: waited.signal }).catch(() => {});
    await Promise.race([this.#farewell(), patience]);
    waited.abort();
  }

  async #farewell(): Promise<void> {
    // A registration that is on its way would arrive after the farewell, and stay.
    await this.#working;
    await this.#consul.deregister(this.#definition.id).catch(() => {});
  }
}
