import type { DependencyCondition, ReadyGate } from "../config/index.ts";

export type ServiceState =
  | "pending"
  | "waiting"
  | "starting"
  | "ready"
  | "stopping"
  | "stopped"
  | "completed"
  | "backing-off"
  | "crash-looping"
  /** Seen by a look alone: it was ready, runs, and does not pass its gate any more. */
  | "unresponsive"
  | "failed"
  | "blocked";

/** States of a service that does nothing more by itself. */
export const finalStates: readonly ServiceState[] = ["stopped", "completed", "failed", "blocked"];
export const failedStates: readonly ServiceState[] = ["crash-looping", "failed", "blocked"];

/** Where a secret is read from when its service starts. */
export type SecretSource = { argv: readonly [string, ...string[]]; directory: string } | { file: string };

export interface ContainerReference {
  /** docker or podman */
  engine: string;
  name: string;
  /** `key=value` that all containers of the same directory bear, over all its runs. */
  label: string;
}

/** One program that the supervisor runs: everything is decided, nothing is read from a configuration any more. */
export interface ProcessPlan {
  name: string;
  /** `infrastructure` (Consul, edge) is not listed among the services. */
  kind: "service" | "infrastructure";
  argv: readonly [string, ...string[]];
  directory: string;
  env: Readonly<Record<string, string>>;
  /** Of an image: the program is the engine's command line, and this is what it runs. */
  container?: ContainerReference;
  /** Variables whose values no plan holds. */
  secrets?: Readonly<Record<string, SecretSource>>;
  /** Given to it as FLOW_PORT and PORT; undefined for none. */
  port: number | undefined;
  /**
   * `fixed`: that port or a loud refusal; `sticky`: another one when it is taken; `offered`: like sticky, but nobody
   * knows whether it listens.
   */
  portUse: "fixed" | "sticky" | "offered";
  depends: Readonly<Record<string, DependencyCondition>>;
  gate: ReadyGate;
  /** Undefined for a job, which may take as long as it takes. */
  gateTimeoutMs: number | undefined;
  /** Ms that it must have lived to count as started: a program that ends at once never was. */
  settleMs: number;
  /** Who registers it in Consul: `self`, or flow on its behalf. */
  registration: "none" | "self" | { tags: readonly string[] };
  restart: {
    policy: "always" | "on-failure" | "never";
    backoffMs: number;
    maxBackoffMs: number;
    attempts: number;
    stableAfterMs: number;
  };
  stop: { signal: NodeJS.Signals; timeoutMs: number };
}

export interface ConsulPlan {
  kind: "real" | "embedded" | "external";
  /** host:port */
  address: string;
  version?: string;
}

export interface RunPlan {
  id: string;
  /** Directory that the run belongs to: the workspace, or that of the flow.yaml. */
  home: string;
  directory: string;
  logs: string;
  socket: string;
  consul: ConsulPlan | undefined;
  edge: { address: string } | undefined;
  processes: readonly ProcessPlan[];
  /** Whether a terminal owns the run: when it goes, the run ends. */
  attached: boolean;
  flowVersion: string;
}

export interface ServiceStatus {
  name: string;
  instance: string;
  pid: number | null;
  port: number | null;
  state: ServiceState;
  consulId: string | null;
  restarts: number;
  startedAt: string | null;
  /** Why it is in this state, for one that is not well. */
  reason: string | null;
  exitCode: number | null;
}

export type RunState = "starting" | "ready" | "degraded" | "stopping" | "stopped";

export interface RunStatus {
  id: string;
  state: RunState;
  supervisorPid: number;
  startedAt: string;
  /** What the run ends with if nothing else fails: 0, or the first failing service's own code. */
  exitCode: number;
  consul: (ConsulPlan & { pid: number | null }) | null;
  edge: { address: string; pid: number | null; state: ServiceState } | null;
  flowVersion: string;
  /** Version that the workspace took into use since the run began; null while it is the same. */
  otherFlow: string | null;
}

/** What `flow ps --json` prints. */
export interface RunDocument {
  run: RunStatus | null;
  services: ServiceStatus[];
}

export interface LogLine {
  /** ISO 8601 with milliseconds; never runs backwards within a run. */
  time: string;
  service: string;
  /** Order over all services of a run. */
  seq: number;
  /** Count of the service's lines in this run: one that is missing was rotated away. */
  number: number;
  line: string;
}

/** The name under which the supervisor itself writes to the logs. */
export const ownLog = "flow";
/** Names that no service may have. */
export const reservedNames: readonly string[] = [ownLog, "consul", "edge"];

/** What the supervisor tells who is attached. Log lines are not among it: their files are read. */
export type RunEvent =
  | {
      type: "state";
      service: string;
      kind: ProcessPlan["kind"];
      state: ServiceState;
      reason: string | null;
      port: number | null;
      pid: number | null;
    }
  /** With `stopped` come the run's exit code and how everything ended: afterwards nobody is left to ask. */
  | { type: "run"; state: Exclude<RunState, "stopped"> }
  | { type: "run"; state: "stopped"; exitCode: number; document: RunDocument }
  /** What the supervisor has to say, such as what blocks a stop. It stands in its log too. */
  | { type: "notice"; text: string };
