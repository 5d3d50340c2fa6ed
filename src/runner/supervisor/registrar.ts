import { setTimeout as delay } from "node:timers/promises";
import { messageOf } from "../../core/errors.ts";
import type { CheckDefinition, Consul, ServiceRegistration } from "../../runtime/consul/index.ts";
import type { ReadyGate } from "../../config/index.ts";

const retryMs = 100;
const renewMs = 5_000;
/** A stop does not wait longer for Consul: the check takes out what is gone. */
const removeMs = 1_000;

/** Keeps programs registered in Consul that do not speak to it themselves. */
export class Registrar {
  readonly #consul: Consul;
  readonly #notice: (text: string) => void;
  readonly #kept = new Map<string, ServiceRegistration>();
  #renewing = false;

  constructor(consul: Consul, notice: (text: string) => void) {
    this.#consul = consul;
    this.#notice = notice;
  }

  /** Registers, again and again until Consul takes it or `signal` is aborted; from then on an agent that lost it has it back. */
  async put(registration: ServiceRegistration, signal: AbortSignal): Promise<void> {
    for (let attempt = 0; !signal.aborted; attempt++) {
      try {
        await this.#consul.register(registration);
        break;
      } catch (error) {
        if (attempt === 50) this.#notice(`${registration.name}: Consul does not take it: ${messageOf(error)}`);
        await delay(retryMs, undefined, { signal });
      }
    }
    signal.throwIfAborted();
    this.#kept.set(registration.id, registration);
    if (!this.#renewing) setInterval(() => void this.#renew(), renewMs).unref();
    this.#renewing = true;
  }

  /** Takes an instance out, whoever registered it. Never fails: its check takes it out otherwise. */
  async remove(id: string): Promise<void> {
    this.#kept.delete(id);
    await Promise.race([this.#consul.deregister(id).catch(() => {}), delay(removeMs, undefined, { ref: false })]);
  }

  /** An agent that was wiped or restarted has forgotten. */
  async #renew(): Promise<void> {
    if (this.#kept.size === 0) return;
    try {
      const there = new Set((await this.#consul.agentServices()).map(({ id }) => id));
      for (const [id, registration] of this.#kept) {
        if (!there.has(id) && this.#kept.has(id)) await this.#consul.register(registration);
      }
    } catch {
      // Tried again at the next turn.
    }
  }
}

/** How Consul shall look at a program: as its gate does, else by its port. */
export function checkOf(gate: ReadyGate, port: number): CheckDefinition {
  const address = `127.0.0.1:${port}`;
  const target =
    gate.http !== undefined
      ? { http: `http://${address}${gate.http}` }
      : gate.grpc !== undefined
        ? { grpc: gate.grpc === true ? address : `${address}/${gate.grpc}` }
        : { tcp: address };
  return { ...target, interval: "2s", timeout: "2s", deregisterAfter: "1m" };
}
