import { defineCommand } from "../../command.ts";
import { telling } from "./telling.ts";

export const command = defineCommand<{ stopped: string[] }>({
  name: "stop",
  summary: "stop the run, or some of its services",
  examples: [
    { command: "flow stop", explanation: "everything, in the reverse order of starting" },
    { command: "flow stop order", explanation: "one service; the others go on" },
    { command: "flow stop --kill", explanation: "at once" },
  ],
  arguments: [{ syntax: "[service...]", description: "default all, and the run with them" }],
  options: [{ flags: "--kill", description: "do not wait for anything" }],
  run: async (ctx, { args, options }) => {
    const { connectRun, requireRun } = await import("../../../runner/client.ts");
    const names = (args.service as string[] | undefined) ?? [];
    if (names.length === 0) {
      const client = await connectRun(ctx);
      if (client === undefined) return { stopped: [] };
      const services = (await client.state()).services.map(({ name }) => name);
      await telling(ctx, client, () => client.stop({ kill: options.kill === true }));
      return { stopped: services };
    }
    const client = await requireRun(ctx);
    await telling(ctx, client, async () => {
      for (const name of names) await client.control(name, options.kill === true ? "kill" : "stop");
    });
    return { stopped: names };
  },
  render: ({ stopped }) => (stopped.length === 0 ? "Nothing ran here." : `Stopped ${stopped.join(", ")}.`),
});
