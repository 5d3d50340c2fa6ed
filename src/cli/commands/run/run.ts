import type { RunDocument } from "../../../runner/index.ts";
import { defineCommand } from "../../command.ts";
import { Followed } from "./followed.ts";
import { parseSeconds } from "./parse-seconds.ts";

interface Detached extends RunDocument {
  exitCode: number;
}

export const command = defineCommand<Detached | Followed>({
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
    const timeoutMs = parseSeconds("--timeout", options.timeout as string);
    const since = ctx.now().toISOString();
    const { plan, client } = await startRun(ctx, {
      services: (args.service as string[] | undefined) ?? [],
      attached: !detach,
      ...(typeof options.consul === "string" ? { consul: options.consul } : {}),
      ...(options.edge === false ? { edge: false } : {}),
    });
    const { announce, namesOf } = await import("./announce.ts");
    announce(ctx, plan);
    if (detach) {
      const { waitUntilSettled } = await import("./wait-until.ts");
      const { document, exitCode } = await waitUntilSettled(ctx, client, timeoutMs).catch(async (error: unknown) => {
        // Who breaks off the start does not want half of it.
        if (ctx.signal.aborted) await client.stop();
        throw error;
      });
      if (exitCode !== 0) {
        const { tellLastWords } = await import("./last-words.ts");
        tellLastWords(ctx, document, { logs: plan.logs, since });
      }
      return { ...document, exitCode };
    }
    const { follow } = await import("./follow.ts");
    return new Followed(await follow(ctx, { client, logs: plan.logs, services: namesOf(plan), since, own: true }));
  },
  render: (result) => {
    const { run } = result as Detached;
    return run === null || run.state === "stopped"
      ? ""
      : "flow ps shows it, flow logs -f follows it, flow stop ends it";
  },
  exitCode: ({ exitCode }) => exitCode,
});
