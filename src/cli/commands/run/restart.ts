import { warn } from "../../../core/events.ts";
import type { ServiceStatus } from "../../../runner/index.ts";
import { defineCommand } from "../../command.ts";
import { knownServices } from "./known-services.ts";
import { telling } from "./telling.ts";

export const command = defineCommand<{ services: ServiceStatus[]; dryRun: boolean }>({
  name: "restart",
  summary: "restart services of the run, as flow.yaml is now",
  examples: [
    { command: "flow restart product", explanation: "stop it, start it, wait until it is ready" },
    { command: "flow restart product order", explanation: "one after the other" },
  ],
  arguments: [{ syntax: "<service...>", description: "services to restart" }],
  mutates: true,
  run: async (ctx, { args, options }) => {
    const { planAgain, requireRun } = await import("../../../runner/index.ts");
    const client = await requireRun(ctx);
    const services: ServiceStatus[] = [];
    if (options.dryRun === true) {
      const names = await knownServices(client, args.service as string[]);
      for (const name of names) await planAgain(ctx, name, await client.state());
      return { services: (await client.state()).services.filter(({ name }) => names.includes(name)), dryRun: true };
    }
    await telling(ctx, client, async () => {
      for (const name of args.service as string[]) {
        const state = await client.state();
        // A flow.yaml that is wrong is told before anything stops.
        const plan = await planAgain(ctx, name, state);
        if (plan === undefined && state.services.some((service) => service.name === name))
          warn(ctx, `flow.yaml defines ${name} no more: it starts as it was`);
        services.push(await client.restart(name, plan));
      }
    });
    return { services, dryRun: false };
  },
  render: ({ services, dryRun }) =>
    services
      .map(
        ({ name, state, port, reason }) =>
          `${dryRun ? "would restart " : ""}${name}: ${state}${port === null ? "" : ` on port ${port}`}${reason === null ? "" : `: ${reason}`}`,
      )
      .join("\n"),
  exitCode: ({ services, dryRun }) =>
    dryRun || services.every(({ state }) => state === "ready" || state === "completed") ? 0 : 1,
});
