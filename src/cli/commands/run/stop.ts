import { defineCommand } from "../../command.ts";
import { knownServices } from "./known-services.ts";
import { telling } from "./telling.ts";

export const command = defineCommand<{ stopped: string[]; dryRun: boolean }>({
  name: "stop",
  summary: "stop the run, or some of its services",
  examples: [
    { command: "flow stop", explanation: "everything, in the reverse order of starting" },
    { command: "flow stop order", explanation: "one service; the others go on" },
    { command: "flow stop --kill", explanation: "at once" },
  ],
  arguments: [{ syntax: "[service...]", description: "default all, and the run with them" }],
  options: [{ flags: "--kill", description: "do not wait for anything" }],
  mutates: true,
  run: async (ctx, { args, options }) => {
    const { connectRun, requireRun } = await import("../../../runner/client.ts");
    const names = (args.service as string[] | undefined) ?? [];
    const dryRun = options.dryRun === true;
    if (names.length === 0) {
      const client = await connectRun(ctx);
      if (client === undefined) return { stopped: [], dryRun };
      const services = (await client.state()).services.map(({ name }) => name);
      if (!dryRun) await telling(ctx, client, () => client.stop({ kill: options.kill === true }));
      return { stopped: services, dryRun };
    }
    const client = await requireRun(ctx);
    if (dryRun) return { stopped: await knownServices(client, names), dryRun };
    await telling(ctx, client, async () => {
      for (const name of names) await client.control(name, options.kill === true ? "kill" : "stop");
    });
    return { stopped: names, dryRun };
  },
  render: ({ stopped, dryRun }) =>
    stopped.length === 0 ? "Nothing ran here." : `${dryRun ? "Would stop" : "Stopped"} ${stopped.join(", ")}.`,
});
