import { defineCommand } from "../../command.ts";
import { columns } from "./render.ts";
import { vendorTarget } from "./target.ts";

export const command = defineCommand({
  name: "vendor status",
  summary: "tell which prefixes of the mirror are patched or changed",
  examples: [
    { command: "flow vendor status", explanation: "needs no network" },
    { command: "flow vendor status --json", explanation: "every prefix with its state and its changed files" },
  ],
  run: async (ctx) => {
    const { mirrorStatus, openMirror } = await import("../../../vendoring/index.ts");
    const mirror = await openMirror(ctx, (await vendorTarget(ctx)).dir);
    return { mirror: mirror.dir, prefixes: await mirrorStatus(ctx, mirror) };
  },
  render: ({ prefixes }) => {
    const notable = prefixes.filter(({ state }) => state !== "clean");
    const clean = prefixes.length - notable.length;
    return [
      ...(notable.length === 0
        ? []
        : [columns(notable.map(({ state, prefix, version, ref }) => [state, prefix, version ?? ref]))]),
      ...notable.flatMap(({ changes }) => changes.map((path) => `  not committed: ${path}`)),
      `${clean} of ${prefixes.length} prefixes are as upstream made them.`,
    ].join("\n");
  },
});
