import { setTimeout as delay } from "node:timers/promises";
import { findByEnvironment, groupMembers, sendSignal } from "../../core/proc.ts";

/** Variable that marks every process of a run, and one that marks those of one service. */
export const runMark = "FLOW_RUN_ID";
export const processMark = "FLOW_PROCESS";

/** Processes of a service that still run: its group, and what left the group but carries its mark. */
export function survivors(group: number, mark: string): number[] {
  return [...new Set([...groupMembers(group), ...findByEnvironment(processMark, mark)])];
}

export interface StopOptions {
  group: number;
  mark: string;
  signal: NodeJS.Signals;
  /** Ms until KILL. */
  timeoutMs: number;
  /** Resolves when the group's first process has ended. */
  exited: Promise<unknown>;
  /** Aborted when everything has to end at once. */
  force: AbortSignal;
}

/** Ends a service with all it started; resolves when nothing of it runs any more. Never waits for a pipe. */
export async function stopGroup({ group, mark, signal, timeoutMs, exited, force }: StopOptions): Promise<void> {
  const signalAll = (name: NodeJS.Signals) => {
    sendSignal(-group, name);
    for (const pid of findByEnvironment(processMark, mark)) sendSignal(pid, name);
  };
  if (!force.aborted) {
    signalAll(signal);
    const end = performance.now() + timeoutMs;
    const forced = new Promise((resolve) => force.addEventListener("abort", resolve, { once: true }));
    await Promise.race([exited, forced, delay(timeoutMs, undefined, { ref: false })]);
    while (!force.aborted && performance.now() < end) {
      if (survivors(group, mark).length === 0) return;
      await Promise.race([forced, delay(20)]);
    }
  }
  // What is new since the last look (a fork at the wrong moment) is caught by the next.
  for (let look = 0; look < 250; look++) {
    if (survivors(group, mark).length === 0) return;
    signalAll("SIGKILL");
    await delay(20);
  }
}
