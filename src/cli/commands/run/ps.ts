import type { RunDocument } from "../../../runner/index.ts";
import { defineCommand } from "../../command.ts";
import { paint } from "../../ui/event-lines.ts";
import { table } from "../../ui/table.ts";

export const command = defineCommand<RunDocument>({
  name: "ps",
  summary: "show what runs",
  examples: [
    { command: "flow ps", explanation: "services with their state, port and process" },
    { command: "flow ps --json", explanation: "the same for programs" },
  ],
  run: async (ctx) => {
    const { connectRun } = await import("../../../runner/client.ts");
    const client = await connectRun(ctx);
    return client === undefined ? { run: null, services: [] } : await client.state({ look: true });
  },
  render: ({ run, services }, ctx) => {
    if (run === null) return "Nothing runs here. flow run starts the services.";
    const colour = ctx.streams.stdoutColour;
    const paintState = (state: string) =>
      paint(
        state === "ready" || state === "completed"
          ? "green"
          : ["failed", "blocked", "crash-looping", "unresponsive"].includes(state)
            ? "red"
            : "yellow",
        state,
        colour,
      );
    const rows = services.map(({ name, state, port, pid, restarts, reason }) => [
      name,
      paintState(state),
      String(port ?? "-"),
      String(pid ?? "-"),
      String(restarts),
      reason ?? "",
    ]);
    const consul = run.consul === null ? "none" : `${run.consul.kind} at http://${run.consul.address}`;
    const edge = run.edge === null ? "none" : `http://${run.edge.address}`;
    const other =
      run.otherFlow === null
        ? ""
        : `\n\nflow ${run.otherFlow} is installed; this run goes on with ${run.flowVersion} until flow stop and flow run.`;
    return `run ${run.id}: ${run.state}   Consul: ${consul}   edge: ${edge}\n\n${table(["service", "state", "port", "pid", "restarts", ""], rows)}${other}`;
  },
});
