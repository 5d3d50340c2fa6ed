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
  | "failed"
  | "blocked";

/** States that end by themselves no more. */
export const finalStates: readonly ServiceState[] = ["stopped", "completed", "crash-looping", "failed", "blocked"];
export const failedStates: readonly ServiceState[] = ["crash-looping", "failed", "blocked"];

/** One program that the supervisor runs: everything is decided, nothing is read from a configuration any more. */
export interface ProcessPlan {
  name: string;
  /** `infrastructure` (Consul, edge) is not listed among the services. */
  kind: "service" | "infrastructure";
  argv: readonly [string, ...string[]];
  directory: string;
  env: Readonly<Record<string, string>>;
  /** Port it listens on; undefined for none. */
  port: number | undefined;
  /** Whether `port` was demanded: then it is that one or nothing. */
  fixedPort: boolean;
  depends: Readonly<Record<string, DependencyCondition>>;
  gate: ReadyGate;
  gateTimeoutMs: number;
  /** Ms that it must have lived to count as started: a program that ends at once never was. */
  settleMs: number;
  /** Registration by flow on its behalf. */
  register: { tags: readonly string[]; http: string | undefined } | undefined;
  /** Whether it registers itself in Consul under `consulId`. */
  consulId: string | undefined;
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
  consul: (ConsulPlan & { pid: number | null }) | null;
  edge: { address: string; pid: number | null; state: ServiceState } | null;
  flowVersion: string;
}

/** What `flow ps --json` prints. */
export interface RunDocument {
  run: RunStatus | null;
  services: ServiceStatus[];
}

export interface LogLine {
  /** ISO 8601 */
  time: string;
  service: string;
  stream: "out" | "err";
  /** Order over all services of a run. */
  seq: number;
  line: string;
}

/** What the supervisor tells who is attached. */
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
  | { type: "run"; state: RunState; exitCode?: number }
  | ({ type: "log" } & LogLine)
  | { type: "dropped"; lines: number }
  | { type: "notice"; text: string };
