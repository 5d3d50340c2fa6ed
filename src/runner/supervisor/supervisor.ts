import { setTimeout as delay } from "node:timers/promises";
import { exitCodes } from "../../core/error-codes.ts";
import { FlowError } from "../../core/errors.ts";
import type { Consul } from "../../runtime/consul/index.ts";
import {
  ownLog,
  type ProcessPlan,
  type RunDocument,
  type RunEvent,
  type RunPlan,
  type RunState,
  type ServiceState,
} from "../types.ts";
import { CensusTaker, runMark } from "./census.ts";
import { describeGate } from "./describe-gate.ts";
import { describeChange, describeOtherFlow } from "./describe-change.ts";
import { guardedContainers } from "./end-containers.ts";
import { FlowWatch } from "./flow-watch.ts";
import { startGuardian, type Guardian } from "./guardian.ts";
import { LogStore } from "./log-store.ts";
import type { PipeDirectory } from "./output-pipe.ts";
import { ProcessList } from "./process-list.ts";
import { Registrar } from "./registrar.ts";
import { isRunFileLost, removeRunFile, writeRunFile } from "./run-file.ts";
import { SecretReader } from "./secrets.ts";
import { SupervisedService, type ServiceSurroundings } from "./service.ts";
import { obstacleOf, stopInOrder } from "./order.ts";

const startableStates: readonly ServiceState[] = ["pending", "waiting", "blocked"];
/** How long everything has to stay well before it is called ready. */
const steadyMs = 1_000;

export interface SupervisorParts {
  pipes: PipeDirectory;
  /** Undefined when the run has none. */
  consul: Consul | undefined;
  /** What programs that give secrets run with. */
  env: Readonly<Record<string, string | undefined>>;
}

/** All programs of a run: started when what they depend on allows it, stopped in the reverse order. */
export class Supervisor {
  readonly plan: RunPlan;
  readonly services: ReadonlyMap<string, SupervisedService>;
  readonly #pipes: PipeDirectory;
  readonly #logs: LogStore;
  readonly #processes: ProcessList;
  readonly #guardian: Guardian;
  readonly #flow: FlowWatch;
  readonly #force = new AbortController();
  readonly #listeners = new Set<(event: RunEvent) => void>();
  readonly #startedAt = new Date();
  readonly #startedTick = performance.now();
  readonly #ended = Promise.withResolvers<void>();
  #state: RunState = "starting";
  #stopping: Promise<void> | undefined;
  #wake = Promise.withResolvers<void>();
  #firstFailure: number | undefined;
  /** Services that a person stopped: they do not count as missing, and are not started by themselves. */
  readonly #held = new Set<string>();

  constructor(plan: RunPlan, { pipes, consul, env }: SupervisorParts) {
    this.plan = plan;
    this.#pipes = pipes;
    this.#flow = new FlowWatch(plan.home);
    this.#logs = new LogStore(plan.logs);
    const outlives = plan.consul?.kind === "external" ? plan.consul.address : undefined;
    this.#processes = new ProcessList(plan.directory, { run: plan.id, consul: outlives });
    this.#guardian = startGuardian(plan.id, this.#processes.groupsFile, guardedContainers(plan));
    const surroundings: Omit<ServiceSurroundings, "pipePath"> = {
      runId: plan.id,
      logs: this.#logs,
      processes: this.#processes,
      secrets: new SecretReader({ ...env, [runMark]: plan.id }),
      census: new CensusTaker(),
      consul:
        consul === undefined
          ? undefined
          : { client: consul, registrar: new Registrar(consul, (text) => this.say(text)) },
      ports: new Set(plan.processes.flatMap(({ port }) => port ?? [])),
      changed: (service) => this.#changed(service),
      notice: (text) => {
        this.say(text);
        this.#tell({ type: "notice", text });
      },
      force: this.#force.signal,
    };
    this.services = new Map(
      plan.processes.map((process) => [
        process.name,
        new SupervisedService(process, { ...surroundings, pipePath: pipes.path(process.name) }),
      ]),
    );
  }

  get state(): RunState {
    return this.#state;
  }

  /** Resolves when the run ended: stopped, or nothing of it can go on. */
  get ended(): Promise<void> {
    return this.#ended.promise;
  }

  /** The first failing service's own code, else 0. */
  get exitCode(): number {
    return this.#firstFailure ?? exitCodes.ok;
  }

  /** What is told of the run's state. */
  get stateEvent(): RunEvent {
    const state = this.#state;
    if (state !== "stopped") return { type: "run", state };
    return { type: "run", state, exitCode: this.exitCode, document: this.document };
  }

  get document(): RunDocument {
    const { consul, edge, id, flowVersion } = this.plan;
    const agent = this.services.get("consul");
    const entry = this.services.get("edge");
    return {
      run: {
        id,
        state: this.#state,
        supervisorPid: process.pid,
        startedAt: this.#startedAt.toISOString(),
        exitCode: this.exitCode,
        consul: consul === undefined ? null : { ...consul, pid: agent?.pid ?? null },
        edge: edge === undefined ? null : { ...edge, pid: entry?.pid ?? null, state: entry?.state ?? "stopped" },
        flowVersion,
        otherFlow: this.#flow.other ?? null,
      },
      services: [...this.services.values()].filter(({ plan }) => plan.kind === "service").map(({ status }) => status),
    };
  }

  /** How things are, when everything that is ready has been looked at once more. */
  async look(): Promise<RunDocument> {
    const ready = [...this.services.values()].filter(({ state }) => state === "ready");
    const looks = await Promise.all(ready.map(async (service) => ((await service.isWell()) ? undefined : service)));
    const silent = new Map(looks.flatMap((service) => (service === undefined ? [] : [[service.plan.name, service]])));
    const { document } = this;
    const services = document.services.map((status) => {
      const service = silent.get(status.name);
      if (service?.state !== "ready") return status;
      return {
        ...status,
        state: "unresponsive" as const,
        reason: describeGate(service.plan, status.port ?? undefined),
      };
    });
    return { ...document, services };
  }

  subscribe(listener: (event: RunEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Writes a line of its own into the logs. */
  say(text: string): void {
    this.#logs.append(ownLog, text.split("\n"));
  }

  /** Lets others find the run, starts everything, and goes on until the run ends. */
  async run(): Promise<void> {
    const { directory, id, socket } = this.plan;
    writeRunFile(directory, { id, socket, startedAt: this.#startedAt.toISOString() });
    this.#flow.start((version) => this.say(describeOtherFlow(this.plan.flowVersion, version)));
    for (const service of this.services.values()) void this.#startInTurn(service);
    await this.#watch();
  }

  /** A service of the run by its name; not Consul, not the edge. */
  find(name: string): SupervisedService | undefined {
    const service = this.services.get(name);
    return service?.plan.kind === "service" ? service : undefined;
  }

  /** @throws FlowError FLOW_RUN_STOPPING */
  async startService(service: SupervisedService): Promise<void> {
    this.#refuseWhenStopping();
    this.#held.delete(service.plan.name);
    await service.start();
  }

  /** @throws FlowError FLOW_RUN_STOPPING */
  async stopService(service: SupervisedService, options: { kill?: boolean } = {}): Promise<void> {
    this.#refuseWhenStopping();
    this.#held.add(service.plan.name);
    await service.stop(options);
  }

  /** @throws FlowError FLOW_RUN_STOPPING */
  async restartService(service: SupervisedService, plan: ProcessPlan): Promise<void> {
    this.#refuseWhenStopping();
    this.#held.delete(service.plan.name);
    await service.restart(plan);
  }

  /** Stops everything: each service when nothing that depends on it runs any more. With `kill` at once. */
  async stop(options: { kill?: boolean } = {}): Promise<void> {
    if (options.kill === true) this.#force.abort();
    this.#stopping ??= this.#stopAll();
    await this.#stopping;
  }

  /** Ends everything at once because of a fault of the supervisor itself. */
  fail(why: string): void {
    this.say(why);
    this.#firstFailure ??= exitCodes.failure;
    // When even the stop failed, the guardian does it once this process is gone.
    this.stop({ kill: true }).catch(() => this.#ended.resolve());
  }

  /** Whether what is on disk of it was removed, or belongs to another run by now. */
  get isLost(): boolean {
    return isRunFileLost(this.plan.directory, this.plan.id);
  }

  #refuseWhenStopping(): void {
    if (this.#stopping !== undefined) throw new FlowError("FLOW_RUN_STOPPING", "the run is being stopped");
  }

  /** Starts a service as soon as what it depends on allows it; a dependency that failed blocks it. */
  async #startInTurn(service: SupervisedService): Promise<void> {
    for (;;) {
      if (this.#stopping !== undefined || this.#held.has(service.plan.name)) return;
      // A person did not wait, and started it.
      if (!startableStates.includes(service.state)) return;
      const changed = this.#wake.promise;
      const obstacle = obstacleOf(service.plan, this.services);
      if (obstacle === undefined) break;
      if (obstacle.isFinal) return service.set("blocked", obstacle.reason);
      if (service.state !== "waiting" || service.reason !== obstacle.reason) service.set("waiting", obstacle.reason);
      else await changed;
    }
    if (service.state === "blocked") service.set("waiting");
    await service.start();
  }

  /** What was blocked by a service that is on its way again waits for it again. */
  #unblock(): void {
    for (const service of this.services.values()) {
      if (service.state !== "blocked" || obstacleOf(service.plan, this.services)?.isFinal === true) continue;
      void this.#startInTurn(service);
    }
  }

  /** Says "ready" only when everything still is after a second; ends the run when nothing is left to wait for. */
  async #watch(): Promise<void> {
    while (this.#stopping === undefined) {
      const changed = this.#wake.promise;
      if (this.#isOver()) return await this.stop();
      const counted = [...this.services.values()].filter(({ plan }) => !this.#held.has(plan.name));
      const isWell = counted.every(({ state }) => state === "ready" || state === "completed");
      const hasFailed = counted.some(({ state }) => ["failed", "blocked", "crash-looping"].includes(state));
      if (isWell && this.#state !== "ready") {
        await Promise.race([this.#confirm(counted), changed]);
        continue;
      }
      if ((!isWell && this.#state === "ready") || (hasFailed && this.#state === "starting")) this.#setState("degraded");
      await changed;
    }
  }

  /** Looks at everything again after a second. */
  async #confirm(services: readonly SupervisedService[]): Promise<void> {
    const changed = this.#wake.promise;
    await Promise.race([changed, delay(steadyMs)]);
    if (changed !== this.#wake.promise || this.#stopping !== undefined) return;
    const looks = await Promise.all(services.map(async (service) => ({ service, isWell: await service.isWell() })));
    if (changed !== this.#wake.promise || this.#stopping !== undefined) return;
    const doubtful = looks.filter(({ isWell }) => !isWell);
    for (const { service } of doubtful) service.doubt();
    if (doubtful.length > 0) return;
    const isFirst = this.#state === "starting";
    this.#setState("ready");
    this.say(isFirst ? `everything is ready (${this.#elapsed()} s)` : "everything is ready again");
  }

  #elapsed(): string {
    return ((performance.now() - this.#startedTick) / 1_000).toFixed(1);
  }

  /** Whether nothing that runs is left: all jobs done, or failed. One in the background keeps trying what crashes. */
  #isOver(): boolean {
    const services = [...this.services.values()].filter(({ plan }) => plan.kind === "service");
    const isAtRest = ({ state, plan }: SupervisedService): boolean =>
      state === "completed" ||
      state === "failed" ||
      state === "blocked" ||
      (state === "crash-looping" && this.plan.attached) ||
      // One that a person stopped may be started again.
      (state === "stopped" && !this.#held.has(plan.name));
    return services.every(isAtRest);
  }

  #setState(state: RunState): void {
    this.#state = state;
    this.#tell(this.stateEvent);
  }

  #changed(service: SupervisedService): void {
    const { plan, state, reason, port, pid } = service;
    if (state === "failed" || state === "crash-looping") this.#firstFailure ??= service.exitCode || exitCodes.failure;
    const line = this.#stopping === undefined ? describeChange(service, this.#startedTick) : undefined;
    if (line !== undefined) this.say(line);
    this.#tell({ type: "state", service: plan.name, kind: plan.kind, state, reason, port, pid });
    const wake = this.#wake;
    this.#wake = Promise.withResolvers();
    wake.resolve();
    this.#unblock();
  }

  #tell(event: RunEvent): void {
    for (const listener of this.#listeners) listener(event);
  }

  async #stopAll(): Promise<void> {
    this.#setState("stopping");
    const services = [...this.services.values()];
    for (const service of services) service.retire();
    // First the way in: what is under way through it finds the services still there.
    await this.services.get("edge")?.stop();
    await stopInOrder(services);
    for (const service of services) service.close();
    this.#guardian.dismiss();
    this.#flow.stop();
    // What another run has in its place stays.
    if (!this.isLost) {
      this.#processes.clear();
      this.#pipes.remove();
      removeRunFile(this.plan.directory);
    }
    this.say(this.exitCode === exitCodes.ok ? "stopped" : `ended with exit code ${this.exitCode}`);
    this.#setState("stopped");
    this.#logs.close();
    this.#ended.resolve();
  }
}
