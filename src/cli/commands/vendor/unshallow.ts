import { defineCommand } from "../../command.ts";
import { vendorTarget } from "./target.ts";

export const command = defineCommand({
  name: "vendor unshallow",
  summary: "prepare a shallow or sparse clone of the mirror for git subtree by hand",
  examples: [
    {
      command: "flow vendor unshallow github.com/org/repo",
      explanation: "then git subtree pull, split and push work on it",
    },
  ],
  arguments: [{ syntax: "<prefix>", description: "a prefix or a package's name" }],
  mutates: true,
  run: async (ctx, { args, options }) => {
    const { unshallow } = await import("../../../vendoring/index.ts");
    const dryRun = options.dryRun === true;
    const { dir } = await vendorTarget(ctx);
    return { ...(await unshallow(ctx, dir, { name: String(args.prefix), dryRun })), dryRun };
  },
  render: ({ prefix, shallow, sparse, dryRun }) =>
    [
      shallow ? `The history ${dryRun ? "would be" : "was"} fetched.` : "The clone has all of the history.",
      sparse ? `${prefix} ${dryRun ? "would be" : "was"} checked out.` : `${prefix} is in the work tree.`,
    ].join("\n"),
});
