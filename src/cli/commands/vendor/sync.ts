import { defineCommand } from "../../command.ts";
import { renderShare } from "./render.ts";
import { refreshAfter, vendorTarget } from "./target.ts";

export const command = defineCommand({
  name: "vendor sync",
  summary: "bring the mirror up to date with its remote",
  examples: [
    { command: "flow vendor sync", explanation: "fetches what others pushed; commits of yours are merged with it" },
    { command: "flow vendor sync --dry-run", explanation: "which commits would come" },
  ],
  mutates: true,
  run: async (ctx, { options }) => {
    const { syncMirror } = await import("../../../vendoring/index.ts");
    const target = await vendorTarget(ctx, options);
    const result = await syncMirror(ctx, target.dir, { dryRun: options.dryRun === true });
    await refreshAfter(ctx, target);
    return result;
  },
  render: renderShare,
});
