import { startCheck, type CheckLoop } from "./check-loop.ts";
import type { AgentCheck, AgentService } from "./definitions.ts";
import type { ProbeResult } from "../checks/probe.ts";
import { ApiError } from "../http/errors.ts";
import { deleteCheck, deleteService, setCheck, setService } from "../store/catalog.ts";
import type { HealthStatus } from "../store/rows.ts";
import { serviceKey, type Store, type Write } from "../store/store.ts";

const nodeMaintenance = "_node_maintenance";
const serviceMaintenance = (id: string) => `_service_maintenance:${id}`;

/** An output that changed alone reaches the catalog only after this time, so that it does not wake watches. */
const outputDelayMs = 5 * 60_000;
const syncIntervalMs = 60_000;
const reapIntervalMs = 5_000;

interface Running {
  loop: CheckLoop;
  /** The last output; the stored check has that of its last change of status. */
  output: string;
  /** Results in a row of the same kind. */
  streak: { status: HealthStatus; count: number };
  criticalSince: number | undefined;
  outputTimer?: NodeJS.Timeout;
}

/**
 * What is registered with this agent itself: its services, and its checks with the loops that run them. The catalog is
 * written through; whoever takes these entries out of the catalog sees them come back within a minute, as with Consul.
 */
export class Agent {
  readonly #store: Store;
  readonly #node: string;
  readonly #running = new Map<string, Running>();
  readonly #timers: NodeJS.Timeout[];

  constructor(store: Store, node: string) {
    this.#store = store;
    this.#node = node;
    this.#sync();
    for (const check of this.checks()) this.#start(check);
    this.#timers = [setInterval(() => this.#sync(), syncIntervalMs), setInterval(() => this.#reap(), reapIntervalMs)];
  }

  services(): AgentService[] {
    return this.#store.agentServices.all() as AgentService[];
  }

  service(id: string): AgentService | undefined {
    return this.#store.agentServices.get(id) as AgentService | undefined;
  }

  checks(): AgentCheck[] {
    return this.#store.agentChecks.all() as AgentCheck[];
  }

  check(id: string): AgentCheck | undefined {
    return this.#store.agentChecks.get(id) as AgentCheck | undefined;
  }

  /** A check's last output. */
  output(check: AgentCheck): string {
    return this.#running.get(check.id)?.output ?? check.output;
  }

  /** Registers or changes a service. Checks that are known already keep their status. */
  registerService(service: AgentService, checks: readonly AgentCheck[], options: { replaceChecks: boolean }): void {
    const dropped = !options.replaceChecks
      ? []
      : this.checks().filter(
          ({ id, serviceId, probe }) =>
            serviceId === service.ID && probe.type !== "maintenance" && !checks.some((check) => check.id === id),
        );
    const kept = checks.map((check) => this.#keepStatus(check));
    this.#store.write((write) => {
      for (const { id } of dropped) this.#removeCheck(write, id);
      this.#store.agentServices.set(service.ID, service);
      this.#publishService(write, service);
      for (const check of kept) this.#putCheck(write, check);
    });
    for (const { id } of dropped) this.#stop(id);
    for (const check of kept) this.#start(check);
  }

  /** @throws ApiError 404 */
  deregisterService(id: string): void {
    this.#requireService(id);
    const checks = this.checks().filter(({ serviceId }) => serviceId === id);
    this.#store.write((write) => {
      for (const check of checks) this.#removeCheck(write, check.id);
      this.#store.agentServices.delete(id);
      deleteService(this.#store, write, this.#node, id);
    });
    for (const check of checks) this.#stop(check.id);
  }

  /** @throws ApiError 404 when its service is unknown */
  registerCheck(check: AgentCheck): void {
    if (check.serviceId !== "" && this.service(check.serviceId) === undefined) {
      throw new ApiError(404, `ServiceID ${JSON.stringify(check.serviceId)} does not exist`);
    }
    const kept = this.#keepStatus(check);
    this.#store.write((write) => this.#putCheck(write, kept));
    this.#start(kept);
  }

  /** @throws ApiError 404 */
  deregisterCheck(id: string): void {
    this.#requireCheck(id);
    this.#store.write((write) => this.#removeCheck(write, id));
    this.#stop(id);
  }

  /** Sets the status of a TTL check and restarts its time. @throws ApiError 404, 500 when it is no TTL check */
  updateTtl(id: string, status: HealthStatus, output: string): void {
    const { probe } = this.#requireCheck(id);
    if (probe.type !== "ttl") throw new ApiError(500, `CheckID ${JSON.stringify(id)} does not have associated TTL`);
    const kept = shortened(output, probe.maxOutputBytes);
    this.#running.get(id)?.loop.renew(kept);
    this.#report(id, { status, output: kept });
  }

  /** @throws ApiError 404 */
  setServiceMaintenance(id: string, reason: string | undefined): void {
    const service = this.#requireService(id);
    this.#setMaintenance(maintenanceCheck(serviceMaintenance(id), "Service", service.ID, reason), reason);
  }

  setNodeMaintenance(reason: string | undefined): void {
    this.#setMaintenance(maintenanceCheck(nodeMaintenance, "Node", "", reason), reason);
  }

  stop(): void {
    for (const timer of this.#timers) clearInterval(timer);
    for (const id of this.#running.keys()) this.#stop(id);
  }

  #setMaintenance(check: AgentCheck, reason: string | undefined): void {
    const on = this.check(check.id) !== undefined;
    if (reason !== undefined && !on) this.registerCheck(check);
    if (reason === undefined && on) this.deregisterCheck(check.id);
  }

  #requireService(id: string): AgentService {
    const service = this.service(id);
    if (service !== undefined) return service;
    throw new ApiError(
      404,
      `Unknown service ID ${JSON.stringify(id)}. Ensure that the service ID is passed, not the service name.`,
    );
  }

  #requireCheck(id: string): AgentCheck {
    const check = this.check(id);
    if (check !== undefined) return check;
    throw new ApiError(
      404,
      `Unknown check ID ${JSON.stringify(id)}. Ensure that the check ID is passed, not the check name.`,
    );
  }

  #keepStatus(check: AgentCheck): AgentCheck {
    const old = this.check(check.id);
    return old === undefined ? check : { ...check, status: old.status, output: old.output };
  }

  #report(id: string, result: ProbeResult): void {
    const check = this.check(id);
    const running = this.#running.get(id);
    if (check === undefined || running === undefined) return;
    const { status } = result;
    running.streak =
      running.streak.status === status ? { status, count: running.streak.count + 1 } : { status, count: 1 };
    // A status follows after as many results in a row as its threshold says; till then the old one stays.
    const settled = running.streak.count >= check.thresholds[status] ? status : check.status;
    if (settled === check.status && result.output === running.output) return;
    running.output = result.output;
    running.criticalSince = settled === "critical" ? (running.criticalSince ?? Date.now()) : undefined;
    if (settled !== check.status) {
      clearTimeout(running.outputTimer);
      delete running.outputTimer;
      this.#store.write((write) => this.#putCheck(write, { ...check, status: settled, output: result.output }));
      return;
    }
    running.outputTimer ??= setTimeout(() => {
      delete running.outputTimer;
      const now = this.check(id);
      if (now !== undefined) this.#store.write((write) => this.#putCheck(write, { ...now, output: running.output }));
    }, outputDelayMs);
  }

  #putCheck(write: Write, check: AgentCheck): void {
    this.#store.agentChecks.set(check.id, check);
    this.#publishCheck(write, check);
  }

  #removeCheck(write: Write, id: string): void {
    this.#store.agentChecks.delete(id);
    deleteCheck(this.#store, write, this.#node, id);
  }

  #publishService(write: Write, service: AgentService): void {
    const published = this.#store.services.get(serviceKey(this.#node, service.ID));
    setService(this.#store, write, {
      ...service,
      Node: this.#node,
      Meta: Object.keys(service.Meta).length === 0 ? null : service.Meta,
      // With EnableTagOverride the catalog's tags are others' to change.
      Tags: service.EnableTagOverride && published !== undefined ? published.Tags : service.Tags,
    });
  }

  #publishCheck(write: Write, check: AgentCheck): void {
    setCheck(this.#store, write, { ...checkView(check, this.service(check.serviceId)), Node: this.#node });
  }

  #start(check: AgentCheck): void {
    const output = this.output(check);
    this.#stop(check.id);
    this.#running.set(check.id, {
      output,
      loop: startCheck(check.probe, (result) => this.#report(check.id, result)),
      streak: { status: check.status, count: 0 },
      criticalSince: check.status === "critical" ? Date.now() : undefined,
    });
  }

  #stop(id: string): void {
    const running = this.#running.get(id);
    running?.loop.stop();
    clearTimeout(running?.outputTimer);
    this.#running.delete(id);
  }

  /** Puts back into the catalog what somebody took out of it. */
  #sync(): void {
    this.#store.write((write) => {
      for (const service of this.services()) this.#publishService(write, service);
      for (const check of this.checks()) this.#publishCheck(write, check);
    });
  }

  /** Takes out services that were critical for too long. */
  #reap(): void {
    for (const { id, serviceId, deregisterAfterMs } of this.checks()) {
      const since = this.#running.get(id)?.criticalSince;
      if (serviceId === "" || deregisterAfterMs === undefined || since === undefined) continue;
      if (Date.now() - since > deregisterAfterMs && this.service(serviceId) !== undefined)
        this.deregisterService(serviceId);
    }
  }
}

/** What the API and the catalog show of a check. */
export function checkView(check: AgentCheck, service: AgentService | undefined) {
  return {
    CheckID: check.id,
    Name: check.name,
    Status: check.status,
    Notes: check.notes,
    Output: check.output,
    ServiceID: check.serviceId,
    ServiceName: service?.Service ?? "",
    ServiceTags: service?.Tags ?? [],
    Type: check.probe.type,
    Interval: check.interval,
    Timeout: check.timeout,
    Definition: {},
  };
}

function shortened(output: string, maxBytes: number): string {
  const bytes = Buffer.from(output);
  if (bytes.length <= maxBytes) return output;
  return `${bytes.subarray(0, maxBytes).toString()} ... (captured ${maxBytes} of ${bytes.length} bytes)`;
}

function maintenanceCheck(
  id: string,
  kind: "Service" | "Node",
  serviceId: string,
  reason: string | undefined,
): AgentCheck {
  const standard = `Maintenance mode is enabled for this ${kind.toLowerCase()}, but no reason was provided. This is a default message.`;
  return {
    id,
    name: `${kind} Maintenance Mode`,
    notes: reason === undefined || reason === "" ? standard : reason,
    serviceId,
    interval: "",
    timeout: "",
    probe: { type: "maintenance" },
    thresholds: { passing: 0, warning: 0, critical: 0 },
    status: "critical",
    output: "",
  };
}
