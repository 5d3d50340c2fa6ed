import { defineCommand } from "../../command.ts";
import { columns } from "./render.ts";
import { vendorTarget } from "./target.ts";

export const command = defineCommand({
  name: "vendor outdated",
  summary: "tell what upstream has that the mirror does not",
  examples: [
    { command: "flow vendor outdated", explanation: "of what was asked for: held, reached by update, newest" },
    { command: "flow vendor outdated --all --json", explanation: "of everything, what it needs too" },
  ],
  options: [{ flags: "--all", description: "also what came along because something needs it" }],
  run: async (ctx, { options }) => {
    const { findOutdated, openMirror } = await import("../../../vendoring/index.ts");
    const target = await vendorTarget(ctx);
    const mirror = await openMirror(ctx, target.dir);
    const outdated = await findOutdated(ctx, mirror, { ...target.options, all: options.all === true });
    return { mirror: mirror.dir, outdated };
  },
  render: ({ outdated }) =>
    outdated.length === 0
      ? "Everything is the newest."
      : columns([
          ["prefix", "held", "update", "newest"],
          ...outdated.map(({ prefix, current, wanted, latest }) => [prefix, current, wanted, latest]),
        ]),
});
