import { writeFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { identify } from "../../core/proc.ts";
import { createConsul, type Consul } from "../../runtime/consul/index.ts";
import { failedStates, finalStates, type RunDocument, type RunEvent, type RunPlan, type RunState } from "../types.ts";
import { startGuardian, type Guardian } from "./guardian.ts";
import { LogStore } from "./log-store.ts";
import { ProcessList } from "./process-list.ts";
import { SupervisedService } from "./service.ts";

/** All programs of a run: started when what they depend on allows it, stopped in the reverse order. */
export class Supervisor {
  readonly plan: RunPlan;
  readonly logs: LogStore;
  readonly services: ReadonlyMap<string, SupervisedService>;
  readonly #processes: ProcessList;
  readonly #guardian: Guardian;
  readonly #force = new AbortController();
  readonly #listeners = new Set<(event: RunEvent) => void>();
  readonly #startedAt = new Date();
  readonly #settled = Promise.withResolvers<void>();
  #state: RunState = "starting";
  #stopping: Promise<void> | undefined;
  #wake = Promise.withResolvers<void>();
  #firstFailure: number | undefined;
  /** Services that a person stopped: they do not count as failed and are not started by themselves. */
  readonly #held = new Set<string>();

  constructor(plan: RunPlan) {
    this.plan = plan;
    this.logs = new LogStore(plan.logs);
    this.#processes = new ProcessList(plan.directory, plan.id);
    this.#guardian = startGuardian(plan.id, this.#processes.groupsFile);
    const consul: Consul | undefined =
      plan.consul === undefined ? undefined : createConsul({ address: plan.consul.address });
    this.services = new Map(
      plan.processes.map((process) => [
        process.name,
        new SupervisedService(process, {
          runId: plan.id,
          logs: this.logs,
          processes: this.#processes,
          consul,
          changed: (service) => this.#changed(service),
          notice: (text) => this.#tell({ type: "notice", text }),
          force: this.#force.signal,
        }),
      ]),
    );
    this.logs.subscribe((line) => this.#tell({ type: "log", ...line }));
    this.#writeRunFile();
  }

  get state(): RunState {
    return this.#state;
  }

  /** Resolves when the run ended: stopped, or nothing of it can go on. */
  get ended(): Promise<void> {
    return this.#settled.promise;
  }

  /** The first failing service's own code, else 0. */
  get exitCode(): number {
    return this.#firstFailure ?? 0;
  }

  subscribe(listener: (event: RunEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  get document(): RunDocument {
    const { consul, edge, id, flowVersion } = this.plan;
    const infrastructure = (name: string) => this.services.get(name);
    return {
      run: {
        id,
        state: this.#state,
        supervisorPid: process.pid,
        startedAt: this.#startedAt.toISOString(),
        consul: consul === undefined ? null : { ...consul, pid: infrastructure("consul")?.pid ?? null },
        edge:
          edge === undefined
            ? null
            : { ...edge, pid: infrastructure("edge")?.pid ?? null, state: infrastructure("edge")?.state ?? "stopped" },
        flowVersion,
      },
      services: [...this.services.values()].filter(({ plan }) => plan.kind === "service").map(({ status }) => status),
    };
  }

  /** Starts everything and goes on until the run is stopped. */
  async run(): Promise<void> {
    await Promise.all([...this.services.values()].map((service) => this.#startInTurn(service)));
    if (this.#stopping === undefined) await this.#settle();
  }

  /** Starts a service as soon as what it depends on allows it; a dependency that failed blocks it. */
  async #startInTurn(service: SupervisedService): Promise<void> {
    if (Object.keys(service.plan.depends).length > 0)
      service.set("waiting", `for ${Object.keys(service.plan.depends).join(", ")}`);
    for (;;) {
      if (this.#stopping !== undefined || this.#held.has(service.plan.name)) return;
      const changed = this.#wake.promise;
      const obstacle = this.#obstacle(service);
      if (obstacle === undefined) break;
      if (obstacle.final) {
        service.exitCode = 1;
        service.set("blocked", obstacle.reason);
        return;
      }
      await changed;
    }
    await service.start();
  }

  #obstacle({ plan }: SupervisedService): { final: boolean; reason: string } | undefined {
    for (const [name, condition] of Object.entries(plan.depends)) {
      const dependency = this.services.get(name);
      if (dependency === undefined) continue;
      const { state, reason } = dependency;
      if (failedStates.includes(state))
        return {
          final: true,
          reason: `${name} ${state === "failed" ? "failed" : `is ${state}`}${reason === null ? "" : `: ${reason}`}`,
        };
      const met =
        condition === "completed"
          ? state === "completed"
          : condition === "started"
            ? dependency.pid !== null || state === "completed"
            : state === "ready" || state === "completed";
      if (!met) return { final: false, reason: name };
    }
    return undefined;
  }

  /** Says "ready" only when everything still is after a second; ends the run when nothing is left to wait for. */
  async #settle(): Promise<void> {
    for (;;) {
      const changed = this.#wake.promise;
      if (this.#stopping !== undefined) return;
      const services = [...this.services.values()].filter(
        ({ plan, state }) => plan.kind === "service" && !this.#held.has(plan.name) && state !== undefined,
      );
      const well = services.every(({ state }) => state === "ready" || state === "completed");
      if (well && this.#state !== "ready") {
        const still = await Promise.race([delay(1_000, true as const), changed.then(() => false as const)]);
        if (still && this.#stopping === undefined) this.#setState("ready");
        continue;
      }
      if (!well && this.#state === "ready") this.#setState("degraded");
      if (services.some(({ state }) => failedStates.includes(state)) && this.#state === "starting")
        this.#setState("degraded");
      const done =
        services.length > 0 &&
        services.every(({ state }) => finalStates.includes(state) && state !== "crash-looping" && state !== "stopped");
      if (done) {
        await this.stop();
        return;
      }
      await changed;
    }
  }

  #setState(state: RunState): void {
    this.#state = state;
    this.#tell({ type: "run", state, ...(state === "stopped" ? { exitCode: this.exitCode } : {}) });
  }

  #changed(service: SupervisedService): void {
    const { plan, state, reason, port } = service;
    if (failedStates.includes(state) && plan.kind === "service" && state !== "blocked")
      this.#firstFailure ??= service.exitCode ?? 1;
    if (state === "failed" && plan.kind === "infrastructure") this.#firstFailure ??= 1;
    if (state === "blocked") queueMicrotask(() => (this.#firstFailure ??= 1));
    this.#tell({
      type: "state",
      service: plan.name,
      kind: plan.kind,
      state,
      reason,
      port: port ?? null,
      pid: service.pid,
    });
    const wake = this.#wake;
    this.#wake = Promise.withResolvers();
    wake.resolve();
  }

  #tell(event: RunEvent): void {
    for (const listener of this.#listeners) listener(event);
  }

  find(name: string): SupervisedService | undefined {
    const service = this.services.get(name);
    return service?.plan.kind === "service" ? service : undefined;
  }

  async startService(service: SupervisedService): Promise<void> {
    this.#held.delete(service.plan.name);
    await service.start();
    this.#reviewAfter();
  }

  async stopService(service: SupervisedService): Promise<void> {
    this.#held.add(service.plan.name);
    await service.stop();
  }

  async restartService(service: SupervisedService): Promise<void> {
    this.#held.delete(service.plan.name);
    await service.restart();
    this.#reviewAfter();
  }

  /** What waited for a service that runs again may be started now. */
  #reviewAfter(): void {
    for (const service of this.services.values()) {
      if (service.state === "blocked" && this.#obstacle(service)?.final !== true) void this.#startInTurn(service);
    }
  }

  /** Stops everything: each service when nothing that depends on it runs any more. With `kill` at once. */
  async stop(options: { kill?: boolean } = {}): Promise<void> {
    if (options.kill === true) this.#force.abort();
    this.#stopping ??= this.#stopAll();
    await this.#stopping;
  }

  async #stopAll(): Promise<void> {
    this.#setState("stopping");
    const nagging = setInterval(() => {
      const names = [...this.services.values()]
        .filter(({ state }) => state === "stopping")
        .map(({ plan, pid }) => `${plan.name} (process ${pid ?? "?"})`);
      if (names.length > 0)
        this.#tell({ type: "notice", text: `still waiting for ${names.join(", ")}; Ctrl-C again kills` });
    }, 2_000);
    const stopped = new Map<string, Promise<void>>();
    const stop = (service: SupervisedService): Promise<void> => {
      const { name } = service.plan;
      let promise = stopped.get(name);
      if (promise === undefined) {
        const dependents = [...this.services.values()].filter(({ plan }) => plan.depends[name] !== undefined);
        promise = Promise.all(dependents.map(stop)).then(() => service.stop());
        stopped.set(name, promise);
      }
      return promise;
    };
    await Promise.all([...this.services.values()].map(stop));
    clearInterval(nagging);
    this.#guardian.dismiss();
    this.#processes.clear();
    rmSync(join(this.plan.directory, "run.json"), { force: true });
    this.#setState("stopped");
    this.logs.close();
    this.#settled.resolve();
  }

  #writeRunFile(): void {
    const file = join(this.plan.directory, "run.json");
    const content = {
      id: this.plan.id,
      supervisor: identify(process.pid),
      socket: this.plan.socket,
      startedAt: this.#startedAt.toISOString(),
    };
    writeFileSync(`${file}.new`, JSON.stringify(content));
    renameSync(`${file}.new`, file);
  }
}
