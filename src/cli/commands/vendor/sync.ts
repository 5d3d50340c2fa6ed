import { defineCommand } from "../../command.ts";
import { renderShare } from "./render.ts";
import { vendorTarget } from "./target.ts";

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
    return await syncMirror(ctx, (await vendorTarget(ctx)).dir, { dryRun: options.dryRun === true });
  },
  render: renderShare,
});
