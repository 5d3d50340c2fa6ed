import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { messageOf } from "../../core/errors.ts";
import type { RunPlan } from "../types.ts";
import { startControlServer } from "./control-server.ts";
import { makePipes } from "./output-pipe.ts";
import { reapLeftovers } from "./process-list.ts";
import { reapContainers } from "./end-containers.ts";
import { removeStaleSocket } from "./run-file.ts";
import { Supervisor } from "./supervisor.ts";

export interface SupervisorProcess {
  /** The personal environment: services see of it what their plan says, programs that give secrets all. */
  env: Readonly<Record<string, string | undefined>>;
  /** Called once when the run can be talked to. */
  onListening(): void;
  /** Registers what a signal does. */
  onSignal(listener: (signal: NodeJS.Signals) => void): void;
  /** Registers what an error does that nobody foresaw. */
  onFault(listener: (error: unknown) => void): void;
}

/** How long the terminal that started a run may take to come for it. */
const ownerMs = 10_000;
/** How long services have to drain when the terminal went away without a word. */
const abandonedMs = 1_000;
/** How often it is looked whether the run's directory is still there. */
const lookMs = 2_000;
/** How long a stop may take after a fault of the supervisor. */
const brokenMs = 5_000;
/** How long those attached may take to read the last event. */
const farewellMs = 500;

/** The supervisor as a process of its own: runs a plan to its end and gives the exit code. */
export async function superviseRun(plan: RunPlan, host: SupervisorProcess): Promise<number> {
  const [pipes, processes, containers, consul] = await Promise.all([
    makePipes(
      join(plan.directory, "pipes"),
      plan.processes.map(({ name }) => name),
    ),
    reapLeftovers(plan.directory),
    reapContainers(plan),
    connectConsul(plan),
  ]);
  removeStaleSocket(plan.directory);
  const supervisor = new Supervisor(plan, { pipes, consul, env: host.env });
  const reaped = processes + containers;
  if (reaped > 0) supervisor.say(`ended ${reaped} processes that a killed run had left`);
  const broken = Promise.withResolvers<void>();
  host.onFault((error) => {
    // Should even the stop fail, the guardian does it once this process is gone.
    setTimeout(broken.resolve, brokenMs).unref();
    supervisor.fail(`fault of the supervisor: ${error instanceof Error ? error.stack : messageOf(error)}`);
  });
  const dismissed = Promise.withResolvers<void>();
  const abandon = (why: string) => {
    dismissed.resolve();
    supervisor.say(why);
    void supervisor.stop();
    void delay(abandonedMs, undefined, { ref: false }).then(() => supervisor.stop({ kill: true }));
  };
  const control = await startControlServer(supervisor, () => abandon("the terminal is gone: everything is stopped"));
  if (plan.attached) {
    const unclaimed = () => void (control.wasOwned || abandon("nobody came for the run: everything is stopped"));
    setTimeout(unclaimed, ownerMs).unref();
  }
  let signals = 0;
  host.onSignal(() => {
    dismissed.resolve();
    void supervisor.stop({ kill: signals++ > 0 });
  });
  const look = setInterval(() => {
    if (!supervisor.isLost) return;
    clearInterval(look);
    abandon(`${plan.directory} was removed: everything is stopped`);
  }, lookMs).unref();
  void supervisor.run();
  host.onListening();
  await Promise.race([supervisor.ended, broken.promise]);
  clearInterval(look);
  // A run may be over before who started it could ask how it ends.
  await Promise.race([control.visited, dismissed.promise, delay(ownerMs)]);
  await Promise.race([control.close(), delay(farewellMs)]);
  return supervisor.exitCode;
}

async function connectConsul({ consul }: RunPlan) {
  if (consul === undefined) return undefined;
  const { createConsul } = await import("../../runtime/consul/index.ts");
  return createConsul({ address: consul.address });
}
