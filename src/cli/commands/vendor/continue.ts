import { defineCommand } from "../../command.ts";
import { renderChanges } from "./render.ts";
import { refreshAfter, vendorTarget } from "./target.ts";

export const command = defineCommand({
  name: "vendor continue",
  summary: "finish an update whose conflicts you resolved",
  examples: [
    { command: "flow vendor continue", explanation: "takes the files as they are now, and commits the update" },
    { command: "flow vendor continue --dry-run", explanation: "whether everything is resolved" },
  ],
  mutates: true,
  run: async (ctx, { options }) => {
    const { continueUpdate } = await import("../../../vendoring/index.ts");
    const dryRun = options.dryRun === true;
    const target = await vendorTarget(ctx, options);
    const result = await continueUpdate(ctx, target.dir, { dryRun });
    await refreshAfter(ctx, target);
    return { ...result, dryRun };
  },
  render: ({ dryRun, updated, removed }) => renderChanges({ added: [], updated, removed }, dryRun),
});
