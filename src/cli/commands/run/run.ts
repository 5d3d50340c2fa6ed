import { exitCodes } from "../../../core/error-codes.ts";
import type { RunDocument } from "../../../runner/index.ts";
import { defineCommand } from "../../command.ts";

interface Result {
  document: RunDocument | null;
  exitCode: number;
  attached: boolean;
}

export const command = defineCommand<Result>({
  name: "run",
  summary: "start services with a local Consul and the edge, and follow them",
  examples: [
    { command: "flow run", explanation: "everything, until Ctrl-C" },
    { command: "flow run order -d", explanation: "order and what it depends on, in the background" },
    { command: "flow run --consul embedded", explanation: "without the real Consul" },
  ],
  arguments: [{ syntax: "[service...]", description: "services to start with what they depend on, default all" }],
  options: [
    { flags: "-d, --detach", description: "return when everything is ready, and leave it running" },
    { flags: "--consul <agent>", description: "auto, real, embedded, none, or the URL of an agent" },
    { flags: "--no-edge", description: "without the HTTP entry" },
    {
      flags: "--timeout <seconds>",
      description: "with -d: how long to wait until everything is ready",
      default: "120",
    },
  ],
  run: async (ctx, { args, options }) => {
    const { startRun } = await import("../../../runner/index.ts");
    const detach = options.detach === true;
    const { plan, client } = await startRun(ctx, {
      services: (args.service as string[] | undefined) ?? [],
      attached: !detach,
      ...(typeof options.consul === "string" ? { consul: options.consul } : {}),
      ...(options.edge === false ? { edge: false } : {}),
    });
    const { announce } = await import("./announce.ts");
    announce(ctx, plan);
    if (detach) {
      const { waitUntilSettled } = await import("./wait-until.ts");
      const state = await waitUntilSettled(ctx, client, Number(options.timeout) * 1_000);
      const document = await client.state();
      const failed = document.services.find(
        ({ exitCode, state }) => exitCode !== null && exitCode !== 0 && state !== "blocked",
      );
      return {
        document,
        attached: false,
        exitCode: state === "ready" ? exitCodes.ok : (failed?.exitCode ?? exitCodes.failure),
      };
    }
    const { follow } = await import("./follow.ts");
    return { document: null, attached: true, exitCode: await follow(ctx, { client, logs: plan.logs, own: true }) };
  },
  render: ({ document }) => (document === null ? "" : "flow ps shows it, flow logs -f follows it, flow stop ends it"),
  exitCode: ({ exitCode }) => exitCode,
});
