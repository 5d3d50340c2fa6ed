import { FlowError } from "../../../core/errors.ts";
import { warn } from "../../../core/events.ts";
import { suggest } from "../../../core/suggest.ts";
import type { LogFilter, LogLine, RunClient } from "../../../runner/index.ts";
import { defineCommand } from "../../command.ts";
import { ServicePrefixes } from "./service-colours.ts";

let prefixes: ServicePrefixes | undefined;

export const command = defineCommand<AsyncIterable<LogLine>>({
  name: "logs",
  summary: "show what services wrote, also of a run that ended",
  examples: [
    { command: "flow logs", explanation: "everything, in order" },
    { command: "flow logs product -f --tail 20", explanation: "the last lines of one service, and what comes" },
    {
      command: "flow logs --since 10m --grep ERRO --json",
      explanation: "errors of the last ten minutes, a JSON document a line",
    },
  ],
  arguments: [{ syntax: "[service...]", description: "default all" }],
  options: [
    { flags: "-f, --follow", description: "go on with what comes" },
    { flags: "--since <time>", description: "a time, or how long ago: 90s, 10m, 2h" },
    { flags: "--tail <lines>", description: "only the last so many" },
    { flags: "--grep <pattern>", description: "only lines that match a regular expression" },
  ],
  run: async (ctx, { args, options }) => {
    const { connectRunAt, findHome, followLogs, loggedServices, readLogs, runPaths } =
      await import("../../../runner/index.ts");
    const home = await findHome(ctx);
    if (home === undefined)
      throw new FlowError("FLOW_CONFIG_NOT_FOUND", "there is no flow.yaml here or above", {
        hint: "go to a workspace, or to a directory with a flow.yaml",
      });
    const filter: LogFilter = {
      services: (args.service as string[] | undefined) ?? [],
      ...(typeof options.since === "string" ? { since: parseSince(options.since, ctx.now()) } : {}),
      ...(typeof options.tail === "string" ? { tail: parseCount(options.tail) } : {}),
      ...(typeof options.grep === "string" ? { grep: parsePattern(options.grep) } : {}),
    };
    const { logs } = runPaths(home);
    const client = await connectRunAt(home);
    const running = filter.services.length > 0 ? await client?.state() : undefined;
    const known = [...new Set([...loggedServices(logs), ...(running?.services.map(({ name }) => name) ?? [])])];
    const unknown = filter.services.find((name) => !known.includes(name));
    if (unknown !== undefined)
      throw new FlowError("FLOW_RUN_NO_SERVICE", `no service "${unknown}" has written anything here`, {
        hint: known.length === 0 ? "flow run starts the services" : suggest(unknown, known, { plural: "services" }),
      });
    if (options.follow !== true) return asStream(readLogs(logs, filter));
    return followLogs(logs, {
      ...filter,
      signal: ctx.signal,
      // Without a run nothing more comes.
      ended: client === undefined ? Promise.resolve() : untilStopped(client, ctx.signal),
      onMissed: (count) => warn(ctx, `${count} lines were rotated away before they could be shown`),
    });
  },
  render: ({ service, line }, ctx) => {
    prefixes ??= new ServicePrefixes([], ctx.streams.stdoutColour);
    return prefixes.line(service, line);
  },
});

async function* asStream(lines: Iterable<LogLine>): AsyncGenerator<LogLine, void, undefined> {
  yield* lines;
}

/** Resolves when the run has stopped, whatever became of its supervisor. */
async function untilStopped(client: RunClient, signal: AbortSignal): Promise<void> {
  try {
    for await (const event of client.events({ signal })) if (event.type === "run" && event.state === "stopped") return;
  } catch {
    // Killed, or this command was interrupted: nothing more comes either way.
  }
}

function parseSince(text: string, now: Date): string {
  const ago = /^(\d+(?:\.\d+)?)(s|m|h|d)$/.exec(text);
  if (ago !== null) {
    const ms = Number(ago[1]) * { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }[ago[2] as "s" | "m" | "h" | "d"];
    return new Date(now.getTime() - ms).toISOString();
  }
  const time = new Date(text);
  if (Number.isNaN(time.getTime()))
    throw new FlowError("FLOW_USAGE", `--since: "${text}" is no time`, {
      hint: "for example 90s, 10m, 2h, or 2026-01-31T08:00:00Z",
    });
  return time.toISOString();
}

function parseCount(text: string): number {
  const count = Number(text);
  if (!Number.isInteger(count) || count < 0)
    throw new FlowError("FLOW_USAGE", `--tail: "${text}" is no number of lines`);
  return count;
}

function parsePattern(text: string): RegExp {
  try {
    return new RegExp(text);
  } catch (error) {
    throw new FlowError("FLOW_USAGE", `--grep: "${text}" is no regular expression`, { cause: error });
  }
}
