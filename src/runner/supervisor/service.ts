import { setTimeout as delay } from "node:timers/promises";
import { exitCodes } from "../../core/error-codes.ts";
import { finalStates, type ProcessPlan, type ServiceState, type ServiceStatus } from "../types.ts";
import { Backoff } from "./backoff.ts";
import type { CensusTaker } from "./census.ts";
import { describeGate } from "./describe-gate.ts";
import { endClan } from "./end-clan.ts";
import { endContainer } from "./end-containers.ts";
import type { Exit } from "./exit.ts";
import { looksReady } from "./gates.ts";
import type { LogStore } from "./log-store.ts";
import { OutputPipe } from "./output-pipe.ts";
import { launch, type Program } from "./program.ts";
import type { ProcessList } from "./process-list.ts";
import { passGate, type GatePassage } from "./pass-gate.ts";
import { Presence, type ConsulAccess } from "./presence.ts";
import { maskOf, SecretError, type SecretReader } from "./secrets.ts";
import { ServicePort } from "./service-port.ts";

export interface ServiceSurroundings {
  runId: string;
  logs: LogStore;
  processes: ProcessList;
  secrets: SecretReader;
  census: CensusTaker;
  /** Undefined when the run has no Consul. */
  consul: ConsulAccess | undefined;
  /** Named pipe for its output. */
  pipePath: string;
  /** Ports that programs of the run have. */
  ports: Set<number>;
  /** Told of every change of state. */
  changed: (service: SupervisedService) => void;
  notice: (text: string) => void;
  /** Aborted when everything has to end at once. */
  force: AbortSignal;
}

interface Running extends Program {
  /** Aborted when nobody waits for its gate any more: it ended, or shall. */
  gate: AbortController;
  /** Aborted when it shall end at once. */
  kill: AbortController;
  stopping: boolean;
}

/** Ms between leaving Consul and TERM, when only this service stops: callers learn of it meanwhile. */
const leaveMs = 200;
/** How often a stop says what it waits for. */
const nagMs = 2_000;
/** The longest that setTimeout takes: 24 days. */
const longestTimerMs = 2 ** 31 - 1;

/**
 * One program of a run. What is asked of it happens in the order of asking, one thing at a time; between these it
 * restarts by itself as its plan says.
 */
export class SupervisedService {
  #plan: ProcessPlan;
  readonly #around: ServiceSurroundings;
  readonly #output: OutputPipe;
  #backoff: Backoff;
  state: ServiceState = "pending";
  reason: string | null = null;
  restarts = 0;
  exitCode: number | null = null;
  #port: ServicePort;
  #presence: Presence;
  #running: Running | undefined;
  #queue: Promise<void> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;
  #retired = false;
  #onLine: ((line: string) => void) | undefined;
  /** Aborted when nobody waits for its secrets any more. */
  #reading = new AbortController();
  #mask: ((line: string) => string) | undefined;
  #settled = Promise.withResolvers<void>();

  constructor(plan: ProcessPlan, around: ServiceSurroundings) {
    this.#plan = plan;
    this.#around = around;
    this.#backoff = new Backoff(plan.restart);
    this.#port = new ServicePort(plan, around.ports);
    this.#presence = new Presence(plan, this.#port, around.consul);
    this.#output = new OutputPipe(around.pipePath, (lines) => {
      around.logs.append(plan.name, this.#mask === undefined ? lines : lines.map(this.#mask));
      if (this.#onLine !== undefined) lines.forEach(this.#onLine);
    });
  }

  get plan(): ProcessPlan {
    return this.#plan;
  }

  get status(): ServiceStatus {
    return {
      name: this.plan.name,
      instance: this.#presence.id ?? this.plan.name,
      pid: this.pid,
      port: this.port,
      state: this.state,
      consulId: this.#presence.id ?? null,
      restarts: this.restarts,
      startedAt: this.#running?.startedAt.toISOString() ?? null,
      reason: this.reason,
      exitCode: this.exitCode,
    };
  }

  /** Whether it crashed so often that a further start gives no hope. */
  get isLooping(): boolean {
    return this.#backoff.isLooping && this.state !== "ready";
  }

  get pid(): number | null {
    return this.#running?.pid ?? null;
  }

  get port(): number | null {
    return this.#port.reached ?? null;
  }

  set(state: ServiceState, reason: string | null = null): void {
    this.state = state;
    this.reason = reason;
    this.#around.changed(this);
    const isOnItsWay = state === "pending" || state === "waiting" || state === "starting" || state === "stopping";
    if (!isOnItsWay) {
      this.#settled.resolve();
      this.#settled = Promise.withResolvers();
    }
  }

  /** Starts the program unless it runs. Resolves when it is ready, or is known not to become so at once. */
  async start(): Promise<void> {
    const { settled } = await this.#inTurn(() => this.#startNow());
    await settled;
  }

  /** Ends the program with all it started, deregistered first; with `kill` at once. Resolves when nothing of it runs. */
  async stop({ kill = false }: { kill?: boolean } = {}): Promise<void> {
    clearTimeout(this.#timer);
    this.#reading.abort();
    if (kill) this.#running?.kill.abort();
    await this.#inTurn(() => this.#stopNow());
  }

  /** Ends the program and starts it again, as `plan` says. */
  async restart(plan: ProcessPlan): Promise<void> {
    clearTimeout(this.#timer);
    this.#reading.abort();
    const { settled } = await this.#inTurn(async () => {
      // Never "stopped" on the way: a run of nothing else would end with that.
      await this.#endNow();
      this.restarts++;
      this.#adopt(plan);
      return await this.#startNow();
    });
    await settled;
  }

  #adopt(plan: ProcessPlan): void {
    const { ports } = this.#around;
    if (plan.port !== undefined) ports.add(plan.port);
    // A port that it moved to, or is known to listen on, it keeps.
    if (plan.port !== this.#port.number || plan.portUse !== this.#plan.portUse)
      this.#port = new ServicePort(plan, ports);
    this.#plan = plan;
    this.#presence = new Presence(plan, this.#port, this.#around.consul);
    this.#backoff = new Backoff(plan.restart);
  }

  /** From now on it only ends: no start, no restart. */
  retire(): void {
    this.#retired = true;
    this.#reading.abort();
    clearTimeout(this.#timer);
  }

  /** Whether it still is what its state says: alive, and passing its gate once more. */
  async isWell(): Promise<boolean> {
    if (this.state === "completed") return true;
    if (this.state !== "ready" || this.#running === undefined) return false;
    if (this.#port.reached === undefined) await this.#noticeListening(this.#running);
    return await looksReady(this.plan.gate, this.#presence.target);
  }

  /** Back to waiting for its gate: it was ready and is no longer. */
  doubt(): void {
    const running = this.#running;
    if (this.state !== "ready" || running === undefined) return;
    this.set("starting", "it was ready, but does not answer any more");
    void this.#becomeReady(running);
  }

  /** Gives its output back; nothing of it may run any more. */
  close(): void {
    this.#output.close();
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#queue.then(work);
    this.#queue = turn.then(
      () => {},
      () => {},
    );
    return turn;
  }

  /** @returns what resolves when its state has become one that lasts */
  async #startNow(): Promise<{ settled: Promise<void> }> {
    if (this.#running !== undefined || this.#retired) return { settled: Promise.resolve() };
    clearTimeout(this.#timer);
    const settled = this.#settled.promise;
    this.set("starting");
    const { runId, processes, notice } = this.#around;
    const conflict = await this.#port.claim();
    if (conflict !== undefined && conflict.moved === undefined)
      return { settled: this.#refuse({ code: exitCodes.failure, how: conflict.problem }) };
    if (conflict !== undefined) notice(`${this.plan.name}: ${conflict.problem}; it gets ${conflict.moved}`);
    const secrets = await this.#readSecrets();
    // Told to stop, or why it cannot start.
    if (secrets === undefined) return { settled: Promise.resolve() };
    const program = await launch(this.plan, {
      runId,
      port: this.#port.number,
      secrets,
      instance: this.#presence.id,
      output: this.#output,
    });
    if ("code" in program) return { settled: this.#refuse(program) };
    const running: Running = { ...program, gate: new AbortController(), kill: new AbortController(), stopping: false };
    this.#running = running;
    processes.add(running.pid, this.#presence.id);
    this.reason = this.plan.gate.started === true ? null : describeGate(this.plan, this.#port.number);
    this.#around.changed(this);
    void running.exited.then((exit) => this.#ended(running, exit));
    void this.#becomeReady(running);
    return { settled };
  }

  /** Values of its secrets, read anew at each start: they may have been changed. Undefined when it cannot start. */
  async #readSecrets(): Promise<Readonly<Record<string, string>> | undefined> {
    this.#reading = new AbortController();
    try {
      const secrets = await this.#around.secrets.read(this.plan, this.#reading.signal);
      this.#mask = maskOf(Object.values(secrets));
      return secrets;
    } catch (error) {
      if (error instanceof SecretError) await this.#refuse({ code: exitCodes.failure, how: error.message });
      return undefined;
    }
  }

  async #refuse({ code, how }: Exit): Promise<void> {
    this.exitCode = code;
    this.set("failed", how);
  }

  async #becomeReady(running: Running): Promise<void> {
    const { gateTimeoutMs } = this.plan;
    const { signal } = running.gate;
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      running.gate.abort();
    }, gateTimeoutMs ?? longestTimerMs);
    try {
      await passGate(this.#passageOf(running), signal);
      signal.throwIfAborted();
      this.exitCode = null;
      this.#port.settle();
      this.set("ready");
    } catch (error) {
      if (!signal.aborted) throw error;
      if (!isLate || running.stopping || this.#running !== running) return;
      this.exitCode = exitCodes.timeout;
      this.set(
        "failed",
        `not ready within ${(gateTimeoutMs ?? 0) / 1_000} s: ${this.reason ?? describeGate(this.plan, this.#port.number)}`,
      );
      void this.#inTurn(() => this.#end(running));
    } finally {
      clearTimeout(timer);
    }
  }

  #passageOf(running: Running): GatePassage {
    return {
      plan: this.plan,
      port: this.#port,
      presence: this.#presence,
      pids: () => this.#pidsOf(running),
      watchLines: (listener) => {
        this.#onLine = listener;
      },
      onProblem: (problem) => {
        if (this.reason === problem) return;
        this.reason = problem;
        this.#around.changed(this);
      },
    };
  }

  /** A program that only was offered a port and took it is reached there, and registered. */
  async #noticeListening(running: Running): Promise<void> {
    if (this.#port.number === undefined || !this.#port.notice(await this.#pidsOf(running))) return;
    await this.#presence.register(running.gate.signal).catch(() => {});
    this.#around.changed(this);
  }

  #ended(running: Running, exit: Exit): void {
    this.#output.drain();
    running.gate.abort();
    // A stop is on its way and sees to the rest, or it was late for its gate.
    if (running.stopping || this.state === "failed") return;
    const rival = this.state === "starting" ? this.#port.rivalOf(running.mark) : undefined;
    const swept = this.#inTurn(() => this.#end(running));
    this.#running = undefined;
    const { restart, gate } = this.plan;
    const isJob = gate.completed === true || gate.started === true;
    if (exit.code === 0 && !isJob && this.state === "starting")
      exit = { code: exitCodes.failure, how: `${exit.how} before it was ready` };
    this.exitCode = exit.code;
    if (exit.code === 0 && (gate.completed === true || restart.policy !== "always")) return this.set("completed");
    if (exit.code !== 0 && rival !== undefined) {
      exit = { ...exit, how: `${exit.how}: ${rival}` };
      if (this.#port.mayMove()) {
        this.set("backing-off", `${exit.how}; it gets another one`);
        return this.#restartAfter(0, swept);
      }
    }
    if (restart.policy === "never") return this.set("failed", exit.how);
    const pauseMs = this.#backoff.crashed(Date.now() - running.startedAt.getTime());
    const state = this.#backoff.isLooping ? "crash-looping" : "backing-off";
    this.set(state, `${exit.how}; restart ${this.restarts + 1} in ${(pauseMs / 1_000).toFixed(1)} s`);
    this.#restartAfter(pauseMs, swept);
  }

  #restartAfter(pauseMs: number, swept: Promise<void>): void {
    if (this.#retired) return;
    this.#timer = setTimeout(() => {
      void swept.then(() => {
        if (finalStates.includes(this.state) || this.#retired) return;
        this.restarts++;
        void this.start();
      });
    }, pauseMs);
  }

  async #stopNow(): Promise<void> {
    await this.#endNow();
    if (!finalStates.includes(this.state)) this.set("stopped");
  }

  /** Ends the program, if it runs, and leaves the state to the caller. */
  async #endNow(): Promise<void> {
    clearTimeout(this.#timer);
    const running = this.#running;
    if (running === undefined) return;
    running.stopping = true;
    running.gate.abort();
    const wasReady = this.state === "ready";
    this.set("stopping");
    await this.#presence.deregister();
    if (wasReady && !this.#retired && this.#presence.id !== undefined) {
      await delay(leaveMs, undefined, { signal: this.#forceFor(running) }).catch(() => {});
    }
    await this.#end(running);
  }

  /** Ends a program with all it started, and what it left in Consul. */
  async #end(running: Running): Promise<void> {
    const { census, processes, notice } = this.#around;
    const { signal, timeoutMs } = this.plan.stop;
    const force = this.#forceFor(running);
    const nagging = setInterval(() => void this.#nag(running), nagMs);
    const isGone = await endClan({ ...running, signal, timeoutMs, force, census });
    await endContainer(this.plan);
    clearInterval(nagging);
    if (isGone) processes.remove(running.pid);
    else notice(`${this.plan.name}: process group ${running.group} could not be ended`);
    this.#output.drain();
    if (this.#running === running) this.#running = undefined;
    await this.#presence.deregister();
  }

  /** Aborted when it, or everything, has to end at once. */
  #forceFor({ kill }: Running): AbortSignal {
    return AbortSignal.any([kill.signal, this.#around.force]);
  }

  /** Says what a stop waits for. */
  async #nag(running: Running): Promise<void> {
    const { census, notice } = this.#around;
    const members = (await census.take()).membersOf(running);
    if (members.length === 0) return;
    const { signal, timeoutMs } = this.plan.stop;
    const names = members.map(({ name, pid }) => `${name} (process ${pid})`).join(", ");
    notice(`still waiting for ${this.plan.name}: ${names}; KILL comes ${timeoutMs / 1_000} s after ${signal}`);
  }

  async #pidsOf(running: Running): Promise<number[]> {
    return (await this.#around.census.take()).membersOf(running).map(({ pid }) => pid);
  }
}
