import { defineCommand } from "../../command.ts";
import { Followed } from "./followed.ts";

export const command = defineCommand<Followed>({
  name: "attach",
  summary: "follow a run in this terminal; Ctrl-C leaves it running",
  examples: [
    { command: "flow attach", explanation: "states and logs as they come" },
    { command: "flow attach --json", explanation: "the same for programs, a JSON document a line" },
  ],
  run: async (ctx) => {
    const { findHome, requireRun, runPaths } = await import("../../../runner/index.ts");
    const { follow } = await import("./follow.ts");
    const client = await requireRun(ctx);
    const { run, services } = await client.state();
    const { logs } = runPaths((await findHome(ctx)) as string);
    const exitCode = await follow(ctx, {
      client,
      logs,
      services: services.map(({ name }) => name),
      since: run?.startedAt ?? ctx.now().toISOString(),
      own: false,
    });
    return new Followed(exitCode);
  },
  exitCode: ({ exitCode }) => exitCode,
});
