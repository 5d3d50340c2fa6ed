import { defineCommand } from "../../command.ts";
import { vendorTarget } from "./target.ts";

export const command = defineCommand({
  name: "vendor abort",
  summary: "take back an update that stopped at a conflict",
  examples: [
    { command: "flow vendor abort", explanation: "HEAD, index and files are what they were before the update" },
  ],
  mutates: true,
  run: async (ctx, { options }) => {
    const { abortUpdate } = await import("../../../vendoring/index.ts");
    const dryRun = options.dryRun === true;
    return { ...(await abortUpdate(ctx, (await vendorTarget(ctx)).dir, { dryRun })), dryRun };
  },
  render: ({ prefixes, head, dryRun }) =>
    `${prefixes.join(", ")} ${dryRun ? "would be" : "are"} as before the update, at ${head.slice(0, 9)}.`,
});
