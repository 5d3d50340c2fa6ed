import type { RunPlan } from "../../../runner/index.ts";
import type { CliContext } from "../../command.ts";
import { info } from "../../../core/events.ts";

/** Says what is about to run, and which Consul. */
export function announce(ctx: CliContext, plan: RunPlan): void {
  if (plan.consul !== undefined) {
    const kind = {
      real: `real agent ${plan.consul.version ?? ""}`.trimEnd(),
      embedded: "embedded agent",
      external: "an agent that runs already",
    }[plan.consul.kind];
    info(ctx, `Consul: ${kind} at http://${plan.consul.address}`);
  }
  if (plan.edge !== undefined) info(ctx, `edge:   http://${plan.edge.address}`);
  info(ctx, `starting ${namesOf(plan).join(", ")}`);
}

/** Names of a run's services, without Consul and the edge. */
export function namesOf({ processes }: RunPlan): string[] {
  return processes.filter(({ kind }) => kind === "service").map(({ name }) => name);
}
