import { defineCommand } from "../../command.ts";

export const command = defineCommand({
  name: "attach",
  summary: "follow a run in this terminal; Ctrl-C leaves it running",
  examples: [{ command: "flow attach", explanation: "states and logs as they come" }],
  json: false,
  run: async (ctx) => {
    const { requireRun } = await import("../../../runner/client.ts");
    const { follow } = await import("./follow.ts");
    return { exitCode: await follow(ctx, await requireRun(ctx), { own: false }) };
  },
  exitCode: ({ exitCode }) => exitCode,
});
