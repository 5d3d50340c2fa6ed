import { setTimeout as delay } from "node:timers/promises";
import type { ProcessPlan } from "../types.ts";
import { waitUntilReady } from "./gates.ts";
import type { Presence } from "./presence.ts";
import type { ServicePort } from "./service-port.ts";

export interface GatePassage {
  plan: ProcessPlan;
  port: ServicePort;
  presence: Presence;
  /** Processes of the program. */
  pids(): Promise<number[]>;
  /** Shows `listener` every line of output from now on; undefined ends it. */
  watchLines(listener: ((line: string) => void) | undefined): void;
  /** Called with what keeps it from passing. */
  onProblem(problem: string): void;
}

/** Resolves when a program that runs has passed its gate and is registered; rejects when `signal` is aborted. */
export async function passGate(passage: GatePassage, signal: AbortSignal): Promise<void> {
  const { plan, presence } = passage;
  const { gate, settleMs, registration } = plan;
  // What completes passes by its end, which aborts the signal.
  if (gate.completed === true) await new Promise((_, reject) => signal.addEventListener("abort", reject));
  if (gate.log !== undefined) await seeLine(passage, new RegExp(gate.log), signal);
  if (settleMs > 0) await delay(settleMs, undefined, { signal });
  // Consul finds it passing only after it was registered.
  const byConsul = gate.consul === true && registration !== "self";
  do await waitUntilReady(byConsul ? { tcp: true } : gate, presence.target, signal);
  while (!(await isItsOwnPort(passage, signal)));
  await presence.register(signal);
  if (byConsul) await waitUntilReady(gate, presence.target, signal);
}

/** An open port proves nothing when somebody else holds it; for a container the engine does. */
async function isItsOwnPort({ plan, port, pids, onProblem }: GatePassage, signal: AbortSignal): Promise<boolean> {
  const { tcp, http, grpc } = plan.gate;
  if (port.number === undefined || (tcp ?? http ?? grpc) === undefined || plan.container !== undefined) return true;
  const problem = port.problemFor(await pids());
  if (problem === undefined) return true;
  onProblem(problem);
  await delay(100, undefined, { signal });
  return false;
}

async function seeLine({ watchLines }: GatePassage, pattern: RegExp, signal: AbortSignal): Promise<void> {
  try {
    await new Promise<void>((resolve, reject) => {
      watchLines((line) => {
        if (pattern.test(line)) resolve();
      });
      signal.addEventListener("abort", reject, { once: true });
    });
  } finally {
    watchLines(undefined);
  }
}
