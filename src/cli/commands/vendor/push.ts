import { defineCommand } from "../../command.ts";
import { renderShare } from "./render.ts";
import { vendorTarget } from "./target.ts";

export const command = defineCommand({
  name: "vendor push",
  summary: "publish the mirror to its remote",
  examples: [
    { command: "flow vendor push", explanation: "when another was faster, theirs is merged first" },
    { command: "flow vendor push --dry-run", explanation: "which commits would go" },
  ],
  mutates: true,
  run: async (ctx, { options }) => {
    const { pushMirror } = await import("../../../vendoring/index.ts");
    return await pushMirror(ctx, (await vendorTarget(ctx)).dir, { dryRun: options.dryRun === true });
  },
  render: renderShare,
});
