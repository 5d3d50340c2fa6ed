import { defineCommand } from "../../command.ts";

export const command = defineCommand({
  name: "attach",
  summary: "follow a run in this terminal; Ctrl-C leaves it running",
  examples: [{ command: "flow attach", explanation: "states and logs as they come" }],
  json: false,
  run: async (ctx) => {
    const { findHome, requireRun, runPaths } = await import("../../../runner/index.ts");
    const { follow } = await import("./follow.ts");
    const client = await requireRun(ctx);
    const { logs } = runPaths((await findHome(ctx)) as string);
    return { exitCode: await follow(ctx, { client, logs, own: false }) };
  },
  exitCode: ({ exitCode }) => exitCode,
});
