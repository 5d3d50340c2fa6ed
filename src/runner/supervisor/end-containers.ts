import { execFile } from "node:child_process";
import type { ProcessPlan, RunPlan } from "../types.ts";
import type { GuardedContainers } from "./guardian.ts";

/** How long the engine may take for one request: one that hangs must not hold a stop up. */
const engineMs = 10_000;

/**
 * Removes a service's container with its anonymous volumes. The engine's command line passes signals on; only after a
 * KILL of that, or when it was lost, there still is one.
 */
export async function endContainer({ container, env }: ProcessPlan): Promise<void> {
  if (container === undefined) return;
  await remove(container.engine, [container.name], env);
}

/** What the guardian needs to end the containers of a run; undefined for one without. */
export function guardedContainers({ processes }: RunPlan): GuardedContainers | undefined {
  const plan = processes.find(({ container }) => container !== undefined);
  if (plan?.container === undefined) return undefined;
  return { ...plan.container, env: plan.env };
}

/** Removes what earlier runs of the same directory left: killed with their supervisor, they could not be stopped. */
export async function reapContainers(plan: RunPlan): Promise<number> {
  const guarded = guardedContainers(plan);
  if (guarded === undefined) return 0;
  const { engine, label, env } = guarded;
  const listed = await ask([engine, "ps", "--all", "--quiet", "--filter", `label=${label}`], env);
  const ids = listed.split(/\s+/).filter(Boolean);
  if (ids.length > 0) await remove(engine, ids, env);
  return ids.length;
}

/** Killed first: podman's `rm --force` waits for TERM to be obeyed. */
async function remove(engine: string, containers: readonly string[], env: ProcessPlan["env"]): Promise<void> {
  await ask([engine, "kill", ...containers], env);
  await ask([engine, "rm", "--force", "--volumes", ...containers], env);
}

/** What the engine prints; nothing when it refuses, as for a container that is gone already. */
function ask([file, ...args]: readonly [string, ...string[]], env: ProcessPlan["env"]): Promise<string> {
  return new Promise((resolve) => {
    execFile(file, args, { env, timeout: engineMs, killSignal: "SIGKILL" }, (_error, stdout) => resolve(stdout));
  });
}
