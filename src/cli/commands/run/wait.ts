import { exitCodes } from "../../../core/error-codes.ts";
import { defineCommand } from "../../command.ts";

export const command = defineCommand({
  name: "wait",
  summary: "wait until everything that runs is ready",
  examples: [
    { command: "flow wait", explanation: "until ready, or until it is known not to become so" },
    { command: "flow wait --timeout 30", explanation: "for at most 30 seconds" },
  ],
  options: [{ flags: "--timeout <seconds>", description: "how long to wait", default: "120" }],
  run: async (ctx, { options }) => {
    const { requireRun } = await import("../../../runner/client.ts");
    const { waitUntilSettled } = await import("./wait-until.ts");
    return { state: await waitUntilSettled(ctx, await requireRun(ctx), Number(options.timeout) * 1_000) };
  },
  render: ({ state }) => (state === "ready" ? "Everything is ready." : `The run is ${state}.`),
  exitCode: ({ state }) => (state === "ready" ? exitCodes.ok : exitCodes.failure),
});
