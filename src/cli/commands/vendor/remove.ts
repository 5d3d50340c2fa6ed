import { defineCommand } from "../../command.ts";
import { renderChanges } from "./render.ts";
import { ownManifests, refreshAfter, vendorTarget } from "./target.ts";

export const command = defineCommand({
  name: "vendor remove",
  summary: "take packages and sources out of the mirror",
  examples: [
    { command: "flow vendor remove pino", explanation: "a package, with everything that only it needed" },
    { command: "flow vendor remove github.com/org/repo", explanation: "a git source; its patches stay in history" },
    { command: "flow vendor remove pino --dry-run", explanation: "what would go" },
  ],
  arguments: [{ syntax: "<prefix...>", description: "prefixes or package names" }],
  mutates: true,
  destroys: true,
  run: async (ctx, { args, options }) => {
    const { removePrefixes } = await import("../../../vendoring/index.ts");
    const target = await vendorTarget(ctx, options);
    const own = target.workspace === undefined ? [] : await ownManifests(target.workspace);
    const result = await removePrefixes(ctx, target.dir, args.prefix as string[], { ...target.options, own });
    await refreshAfter(ctx, target);
    return { ...result, dryRun: target.options.dryRun === true };
  },
  render: ({ dryRun, ...result }) => renderChanges(result, dryRun),
});
