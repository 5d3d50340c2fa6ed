import { FlowError } from "../../../core/errors.ts";
import { defineCommand } from "../../command.ts";
import { vendorTarget } from "./target.ts";

export const command = defineCommand({
  name: "vendor doctor",
  summary: "rebuild the mirror's manifest from its history",
  examples: [
    { command: "flow vendor doctor --rebuild", explanation: "when vendor-manifest.json is lost or broken" },
    { command: "flow vendor doctor --rebuild --dry-run", explanation: "whether anything would change" },
  ],
  options: [{ flags: "--rebuild", description: "write vendor-manifest.json anew, and commit it" }],
  mutates: true,
  run: async (ctx, { options }) => {
    if (options.rebuild !== true) {
      throw new FlowError("FLOW_USAGE", "what shall be mended?", {
        hint: "flow vendor doctor --rebuild writes the manifest anew; flow vendor verify looks for faults; flow doctor examines all",
      });
    }
    const { rebuildMirror } = await import("../../../vendoring/index.ts");
    return await rebuildMirror(ctx, (await vendorTarget(ctx)).dir, { dryRun: options.dryRun === true });
  },
  render: ({ prefixes, changed }) =>
    changed ? `The manifest was rebuilt: ${prefixes} prefixes.` : `The manifest is right: ${prefixes} prefixes.`,
});
