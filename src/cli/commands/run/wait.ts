import type { RunState } from "../../../runner/index.ts";
import { defineCommand } from "../../command.ts";
import { parseSeconds } from "./parse-seconds.ts";

export const command = defineCommand<{ state: RunState; exitCode: number }>({
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
    const timeoutMs = parseSeconds("--timeout", options.timeout as string);
    const { document, exitCode } = await waitUntilSettled(ctx, await requireRun(ctx), timeoutMs);
    return { state: document.run?.state ?? "stopped", exitCode };
  },
  render: ({ state }) => (state === "ready" ? "Everything is ready." : `The run is ${state}.`),
  exitCode: ({ exitCode }) => exitCode,
});
