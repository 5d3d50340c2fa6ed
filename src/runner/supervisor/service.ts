import { spawn, type ChildProcess } from "node:child_process";
import { setTimeout as delay } from "node:timers/promises";
import type { Consul } from "../../runtime/consul/index.ts";
import { failedStates, type ProcessPlan, type ServiceState, type ServiceStatus } from "../types.ts";
import { waitUntilReady } from "./gates.ts";
import { processMark, runMark, stopGroup, survivors } from "./groups.ts";
import { LineSplitter, type LogStore } from "./log-store.ts";
import { freePort, isFree, portOwner } from "./ports.ts";
import type { ProcessList } from "./process-list.ts";

export interface ServiceSurroundings {
  runId: string;
  logs: LogStore;
  processes: ProcessList;
  consul: Consul | undefined;
  /** Told of every change of state. */
  changed: (service: SupervisedService) => void;
  notice: (text: string) => void;
  /** Aborted when everything has to end at once. */
  force: AbortSignal;
}

interface Running {
  child: ChildProcess;
  pid: number;
  mark: string;
  startedAt: Date;
  exited: Promise<Exit>;
}

interface Exit {
  code: number;
  /** `exited with 3`, `ended by SIGSEGV` */
  how: string;
}

/** One program of a run: started, watched, restarted, stopped. */
export class SupervisedService {
  readonly plan: ProcessPlan;
  readonly #around: ServiceSurroundings;
  state: ServiceState = "pending";
  reason: string | null = null;
  port: number | undefined;
  restarts = 0;
  exitCode: number | null = null;
  #running: Running | undefined;
  #generation = 0;
  #crashes = 0;
  #stopRequested = false;
  #timer: NodeJS.Timeout | undefined;
  #registered: string | undefined;
  #stopping: Promise<void> | undefined;

  constructor(plan: ProcessPlan, around: ServiceSurroundings) {
    this.plan = plan;
    this.#around = around;
    this.port = plan.port;
  }

  get status(): ServiceStatus {
    const { name, consulId, register } = this.plan;
    return {
      name,
      instance: this.#consulId() ?? name,
      pid: this.#running?.pid ?? null,
      port: this.port ?? null,
      state: this.state,
      consulId: consulId === undefined && register === undefined ? null : (this.#consulId() ?? null),
      restarts: this.restarts,
      startedAt: this.#running?.startedAt.toISOString() ?? null,
      reason: this.reason,
      exitCode: this.exitCode,
    };
  }

  get pid(): number | null {
    return this.#running?.pid ?? null;
  }

  /** Instance id in Consul: a changed port is another instance. */
  #consulId(): string | undefined {
    const { consulId, register, name } = this.plan;
    if (consulId === undefined && register === undefined) return undefined;
    return `${name}-${this.port ?? 0}`;
  }

  set(state: ServiceState, reason: string | null = null): void {
    this.state = state;
    this.reason = reason;
    this.#around.changed(this);
  }

  /** Starts the program; its state tells what becomes of it. Does nothing while it runs. */
  async start(): Promise<void> {
    await this.#stopping;
    if (this.#running !== undefined) return;
    this.#stopRequested = false;
    clearTimeout(this.#timer);
    const generation = ++this.#generation;
    this.set("starting");
    const conflict = await this.#claimPort();
    if (generation !== this.#generation || this.#stopRequested) return;
    if (conflict !== undefined) return this.set("failed", conflict);
    const running = this.#spawn();
    if (running === undefined) return;
    this.#running = running;
    this.#around.changed(this);
    void running.exited.then((exit) => this.#ended(running, exit));
    await this.#becomeReady(running, generation);
  }

  async #claimPort(): Promise<string | undefined> {
    if (this.port === undefined) return undefined;
    if (await isFree(this.port)) return undefined;
    const owner = portOwner(this.port);
    const who = owner === undefined ? "another process" : `process ${owner}`;
    if (this.plan.fixedPort) return `port ${this.port} is in use by ${who}`;
    const next = await freePort();
    this.#around.notice(`${this.plan.name}: port ${this.port} is in use by ${who}; using ${next}`);
    this.port = next;
    return undefined;
  }

  #spawn(): Running | undefined {
    const { plan, port } = this;
    const { runId, logs, processes } = this.#around;
    const mark = `${runId}.${plan.name}`;
    const [file, ...args] = plan.argv.map((word) => word.replaceAll("{port}", String(port ?? 0)));
    const id = this.#consulId();
    let child: ChildProcess;
    try {
      child = spawn(file as string, args, {
        cwd: plan.directory,
        // A group of its own: what it starts is ended with it, and a Ctrl-C on the terminal reaches flow alone.
        detached: true,
        stdio: ["ignore", "pipe", "pipe"],
        env: {
          ...plan.env,
          [runMark]: runId,
          [processMark]: mark,
          ...(port === undefined ? {} : { FLOW_PORT: String(port), PORT: String(port) }),
          ...(id === undefined ? {} : { FLOW_INSTANCE: id }),
        },
      });
    } catch (error) {
      this.set("failed", `could not be started: ${error instanceof Error ? error.message : String(error)}`);
      return undefined;
    }
    const exited = new Promise<Exit>((resolve) => {
      child.once("error", (error: NodeJS.ErrnoException) =>
        resolve({ code: error.code === "ENOENT" ? 127 : 126, how: `could not be started: ${error.message}` }),
      );
      child.once("exit", (code, signal) =>
        resolve(
          signal === null
            ? { code: code ?? 1, how: `exited with ${code}` }
            : { code: 128 + signalNumber(signal), how: `was ended by ${signal}` },
        ),
      );
    });
    for (const stream of ["stdout", "stderr"] as const) {
      const splitter = new LineSplitter((lines) => {
        logs.append(plan.name, stream === "stdout" ? "out" : "err", lines);
        this.#seen(lines);
      });
      child[stream]?.on("data", (chunk: Buffer) => splitter.push(chunk));
      // The end of a pipe may never come: a grandchild can hold it. The exit settles what is left.
      child[stream]?.once("end", () => splitter.end());
      void exited.then(() => drain(child, stream, splitter));
    }
    if (child.pid === undefined) {
      void exited.then(({ code, how }) => {
        this.exitCode = code;
        this.set("failed", how);
      });
      return undefined;
    }
    processes.add(child.pid);
    return { child, pid: child.pid, mark, startedAt: new Date(), exited };
  }

  #logGate: { pattern: RegExp; resolve: () => void } | undefined;

  #seen(lines: readonly string[]): void {
    if (this.#logGate !== undefined && lines.some((line) => this.#logGate?.pattern.test(line))) this.#logGate.resolve();
  }

  async #becomeReady(running: Running, generation: number): Promise<void> {
    const { gate, gateTimeoutMs, settleMs, name } = this.plan;
    if (gate.completed === true) return;
    const stop = new AbortController();
    const timeout = AbortSignal.timeout(gateTimeoutMs);
    const ended = running.exited.then(() => "ended" as const);
    const late = new Promise<"late">((resolve) =>
      timeout.addEventListener("abort", () => resolve("late"), { once: true }),
    );
    const ready =
      gate.log === undefined
        ? waitUntilReady(
            gate,
            { name, port: this.port, consulId: this.#consulId(), consul: this.#around.consul },
            stop.signal,
          )
        : this.#waitForLine(gate.log);
    const outcome = await Promise.race([
      ready
        .then(() => delay(settleMs))
        .then(
          () => "ready" as const,
          () => "ended" as const,
        ),
      ended,
      late,
    ]);
    stop.abort();
    this.#logGate = undefined;
    if (generation !== this.#generation || this.#stopRequested || this.#running !== running) return;
    if (outcome === "ready") {
      await this.#register();
      if (this.#running !== running || this.#stopRequested) return;
      this.exitCode = null;
      this.set("ready");
    } else if (outcome === "late") {
      this.set("failed", `not ready within ${gateTimeoutMs / 1_000} s (${describeGate(this.plan)})`);
      this.exitCode ??= 1;
      await this.#end(running);
    }
  }

  #waitForLine(pattern: string): Promise<void> {
    return new Promise((resolve) => {
      this.#logGate = { pattern: new RegExp(pattern), resolve };
    });
  }

  /** Registers a program that does not speak to Consul itself. */
  async #register(): Promise<void> {
    const { register, name } = this.plan;
    const id = this.#consulId();
    if (register === undefined || id === undefined || this.port === undefined || this.#around.consul === undefined)
      return;
    const check =
      register.http === undefined
        ? { tcp: `127.0.0.1:${this.port}` }
        : { http: `http://127.0.0.1:${this.port}${register.http}` };
    try {
      await this.#around.consul.register({
        id,
        name,
        address: "127.0.0.1",
        port: this.port,
        tags: register.tags,
        check: { ...check, interval: "2s", timeout: "2s", status: "passing", deregisterAfter: "1m" },
      });
      this.#registered = id;
    } catch (error) {
      this.#around.notice(
        `${name} could not be registered in Consul: ${error instanceof Error ? error.message : String(error)}`,
      );
    }
  }

  async #deregister(): Promise<void> {
    const id = this.#registered ?? (this.plan.consulId === undefined ? undefined : this.#consulId());
    this.#registered = undefined;
    if (id !== undefined) await this.#around.consul?.deregister(id).catch(() => {});
  }

  #ended(running: Running, { code, how }: Exit): void {
    if (this.#running !== running) return;
    const { restart, gate } = this.plan;
    const uptime = Date.now() - running.startedAt.getTime();
    const failedAlready = this.state === "failed";
    this.#running = undefined;
    this.#around.processes.remove(running.pid);
    if (this.#stopRequested || failedAlready) return;
    this.exitCode = code;
    void this.#deregister();
    // What it left behind in its group must not live on beside its successor.
    if (survivors(running.pid, running.mark).length > 0)
      void stopGroup({
        group: running.pid,
        mark: running.mark,
        signal: "SIGTERM",
        timeoutMs: 1_000,
        exited: running.exited,
        force: this.#around.force,
      });
    if (gate.completed === true && code === 0) return this.set("completed");
    if (restart.policy === "never" || (restart.policy === "on-failure" && code === 0)) {
      return code === 0 ? this.set("completed") : this.set("failed", how);
    }
    this.#crashes = uptime >= restart.stableAfterMs ? 1 : this.#crashes + 1;
    const looping = this.#crashes >= restart.attempts;
    const pauseMs =
      Math.min(restart.maxBackoffMs, restart.backoffMs * 2 ** (this.#crashes - 1)) * (0.75 + Math.random() / 2);
    this.set(
      looping ? "crash-looping" : "backing-off",
      `${how}; restart ${this.restarts + 1} in ${(pauseMs / 1_000).toFixed(1)} s`,
    );
    this.#timer = setTimeout(() => {
      this.restarts++;
      void this.start();
    }, pauseMs);
  }

  /** Ends the program with all it started, deregistered first. Resolves when nothing of it runs. */
  async stop(): Promise<void> {
    this.#stopRequested = true;
    this.#generation++;
    clearTimeout(this.#timer);
    this.#stopping ??= this.#stopNow().finally(() => {
      this.#stopping = undefined;
    });
    await this.#stopping;
  }

  async #stopNow(): Promise<void> {
    const running = this.#running;
    const before = this.state;
    if (running === undefined) {
      if (!failedStates.includes(before) && before !== "completed") this.set("stopped");
      return;
    }
    this.set("stopping");
    await this.#deregister();
    await this.#end(running);
    this.#running = undefined;
    this.#around.processes.remove(running.pid);
    // A service that would not leave Consul itself is taken out.
    if (this.plan.consulId !== undefined) await this.#around.consul?.deregister(this.#consulId() ?? "").catch(() => {});
    this.set("stopped");
  }

  async #end(running: Running): Promise<void> {
    const { signal, timeoutMs } = this.plan.stop;
    await stopGroup({
      group: running.pid,
      mark: running.mark,
      signal,
      timeoutMs,
      exited: running.exited,
      force: this.#around.force,
    });
  }

  async restart(): Promise<void> {
    await this.stop();
    this.restarts++;
    this.#crashes = 0;
    await this.start();
  }
}

/** Takes what is still in the pipe after the exit: until its end, or until nothing comes for a moment. */
function drain(child: ChildProcess, name: "stdout" | "stderr", splitter: LineSplitter): void {
  const stream = child[name];
  if (stream === null || stream.readableEnded) return;
  let timer = setTimeout(finish, 250);
  stream.on("data", () => {
    clearTimeout(timer);
    timer = setTimeout(finish, 250);
  });
  stream.once("end", () => clearTimeout(timer));
  function finish(): void {
    splitter.end();
    stream?.destroy();
  }
}

function describeGate({ gate, port, name }: ProcessPlan): string {
  if (gate.consul === true) return `waited for ${name} to be passing in Consul`;
  if (gate.http !== undefined) return `waited for GET ${gate.http} on port ${port} to answer`;
  if (gate.grpc !== undefined) return `waited for gRPC health on port ${port}`;
  if (gate.log !== undefined) return `waited for a line that matches ${gate.log}`;
  return `waited for port ${port} to be open`;
}

const numbers: Partial<Record<NodeJS.Signals, number>> = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGQUIT: 3,
  SIGILL: 4,
  SIGTRAP: 5,
  SIGABRT: 6,
  SIGBUS: 7,
  SIGFPE: 8,
  SIGKILL: 9,
  SIGUSR1: 10,
  SIGSEGV: 11,
  SIGUSR2: 12,
  SIGPIPE: 13,
  SIGALRM: 14,
  SIGTERM: 15,
};

function signalNumber(signal: NodeJS.Signals): number {
  return numbers[signal] ?? 0;
}
