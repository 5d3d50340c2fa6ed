import { setTimeout as delay } from "node:timers/promises";
import type { RunPlan } from "../types.ts";
import { startControlServer } from "./control-server.ts";
import { reapLeftovers } from "./process-list.ts";
import { Supervisor } from "./supervisor.ts";

export interface SupervisorProcess {
  /** Called once when the control socket can be used. */
  onListening(): void;
  /** Registers what a signal does. */
  onSignal(listener: (signal: NodeJS.Signals) => void): void;
}

/** The supervisor as a process of its own: runs a plan to its end and gives the exit code. */
export async function superviseRun(plan: RunPlan, host: SupervisorProcess): Promise<number> {
  await reapLeftovers(plan.directory);
  const supervisor = new Supervisor(plan);
  // A terminal that went away waits for nobody: everything has to be gone soon.
  const abandon = () => {
    void supervisor.stop();
    void delay(1_500, undefined, { ref: false }).then(() => supervisor.stop({ kill: true }));
  };
  const server = await startControlServer(supervisor, abandon);
  let signals = 0;
  host.onSignal(() => void supervisor.stop({ kill: signals++ > 0 }));
  host.onListening();
  void supervisor.run();
  await supervisor.ended;
  // Those attached read the last event before the socket closes.
  await Promise.race([new Promise((resolve) => server.close(resolve)), delay(500)]);
  server.closeAllConnections();
  return supervisor.exitCode;
}
