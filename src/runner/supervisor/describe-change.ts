import type { ServiceState } from "../types.ts";
import type { SupervisedService } from "./service.ts";

/** States that a person wants to hear of. */
const told: readonly ServiceState[] = ["ready", "completed", "backing-off", "crash-looping", "failed", "blocked"];

/** The line that the supervisor writes about a service's new state; undefined for one that says nothing new. */
export function describeChange(service: SupervisedService, startedAt: number): string | undefined {
  const { plan, state, reason, port } = service;
  if (!told.includes(state)) return undefined;
  const because = reason === null ? "" : `: ${reason}`;
  if (state === "backing-off") return `${plan.name}${because.slice(1)}`;
  if (state !== "ready") return `${plan.name} ${state === "crash-looping" ? "is crash-looping" : state}${because}`;
  const where = port === null ? "" : ` on port ${port}`;
  return `${plan.name} ready${where} (${((performance.now() - startedAt) / 1_000).toFixed(1)} s)`;
}

/** What a run says when its workspace took another flow into use. */
export function describeOtherFlow(running: string, installed: string): string {
  return `flow ${installed} is installed now; this run goes on with ${running} until it is started anew`;
}
