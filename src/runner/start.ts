import { spawn } from "node:child_process";
import { openSync, closeSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Repository } from "../config/index.ts";
import type { FlowContext } from "../core/context.ts";
import { FlowError } from "../core/errors.ts";
import { withLock } from "../core/lock.ts";
import { identify } from "../core/proc.ts";
import { lastLines } from "../core/process.ts";
import { connectRunAt, createClient, type RunClient } from "./client.ts";
import { planRun, type PlanOptions } from "./plan.ts";
import { warnOfMissingPackages } from "./missing-packages.ts";
import { runPaths } from "./home.ts";
import { findScope, prepareDirectories, type RunScope } from "./scope.ts";
import type { RunPlan } from "./types.ts";

export interface StartedRun {
  plan: RunPlan;
  client: RunClient;
}

/**
 * Starts a run: a supervisor as a process of its own, which starts the services.
 * Resolves as soon as it can be talked to; `client.events()` tells when they are ready.
 * @throws FlowError FLOW_RUN_ALREADY when one goes on here, and whatever the definition is wrong in
 */
export async function startRun(ctx: FlowContext, options: PlanOptions, scope?: RunScope): Promise<StartedRun> {
  const found = scope ?? (await findScope(ctx));
  if (found.services.size === 0) {
    throw new FlowError("FLOW_CONFIG_INVALID", `no service is defined in ${found.home}`, {
      hint: "flow new service NAME makes one, or name one in flow.yaml",
    });
  }
  await prepareDirectories(found.home);
  const { run } = runPaths(found.home);
  return await withLock(ctx, join(run, "start.lock"), { purpose: "starting a run", waitMs: 20_000 }, async () => {
    const other = await connectRunAt(found.home);
    if (other !== undefined) {
      throw new FlowError("FLOW_RUN_ALREADY", `a run goes on here already (process ${other.supervisorPid})`, {
        hint: "flow ps shows it, flow attach follows it, flow stop ends it",
      });
    }
    const plan = await planRun(ctx, found, options);
    if (found.workspace !== undefined) await warnOfMissingPackages(ctx, found.workspace, repositoriesOf(plan, found));
    return { plan, client: await startSupervisor(ctx, plan) };
  });
}

function repositoriesOf({ processes }: RunPlan, { services }: RunScope): Repository[] {
  return processes.flatMap(({ name }) => services.get(name)?.repository ?? []);
}

/** Spawns the supervisor in a session of its own and waits until its control socket is there. */
async function startSupervisor(ctx: FlowContext, plan: RunPlan): Promise<RunClient> {
  const [file, ...args] = ctx.installation.entry("supervisor");
  const log = openSync(join(plan.directory, "supervisor.log"), "w", 0o600);
  const child = spawn(file as string, args, {
    cwd: plan.home,
    detached: true,
    stdio: ["pipe", "pipe", log],
    env: { ...definedOnly(ctx.env), NODE_COMPILE_CACHE: join(runPaths(plan.home).compileCache) },
  });
  closeSync(log);
  child.stdin?.on("error", () => {});
  child.stdin?.end(JSON.stringify(plan));
  const listening = new Promise<boolean>((resolve) => {
    child.once("error", () => resolve(false)).once("exit", () => resolve(false));
    child.stdout?.once("data", () => resolve(true));
  });
  if (!(await listening) || child.pid === undefined) throw await supervisorFault(plan);
  child.stdout?.destroy();
  child.unref();
  const { id, socket } = plan;
  return createClient({ id, socket, supervisor: identify(child.pid) ?? { pid: child.pid, startTime: "" } });
}

async function supervisorFault(plan: RunPlan): Promise<FlowError> {
  const said = await readFile(join(plan.directory, "supervisor.log"), "utf8").catch(() => "");
  return new FlowError("FLOW_RUN_FAILED", "the supervisor ended before it could be used", {
    cause: lastLines(said, 20),
    hint: `its log is ${join(plan.directory, "supervisor.log")}`,
  });
}

function definedOnly(env: FlowContext["env"]): Record<string, string> {
  return Object.fromEntries(Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined));
}
