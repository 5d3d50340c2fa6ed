import { resolve } from "node:path";
import { defineCommand } from "../../command.ts";
import { vendorTarget } from "./target.ts";

export const command = defineCommand({
  name: "vendor patches",
  summary: "export our patches of a prefix as a series for its upstream",
  examples: [
    {
      command: "flow vendor patches github.com/org/repo > series.mbox",
      explanation: "for git am in a clone of upstream",
    },
    { command: "flow vendor patches pino --output patches", explanation: "one file a patch" },
  ],
  arguments: [{ syntax: "<prefix>", description: "a prefix or a package's name" }],
  options: [{ flags: "-o, --output <dir>", description: "directory to write the patches to" }],
  run: async (ctx, { args, options }) => {
    const { exportPatches } = await import("../../../vendoring/index.ts");
    const output = typeof options.output === "string" ? { output: resolve(ctx.cwd, options.output) } : {};
    return await exportPatches(ctx, (await vendorTarget(ctx)).dir, { name: String(args.prefix), ...output });
  },
  render: ({ prefix, patches, files }) =>
    files === undefined
      ? patches.map(({ text }) => text).join("")
      : patches.length === 0
        ? `${prefix} has no patches.`
        : files.join("\n"),
});
