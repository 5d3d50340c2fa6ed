import { defineCommand } from "../../command.ts";
import { renderImport } from "./render.ts";
import { platformOption, refreshAfter, vendorTarget } from "./target.ts";

export const command = defineCommand({
  name: "vendor update",
  summary: "move prefixes of the mirror to what upstream has now, patches kept",
  examples: [
    { command: "flow vendor update pino", explanation: "to the newest version that its range allows" },
    { command: "flow vendor update github.com/org/repo --ref v2.0.0", explanation: "to another tag" },
    { command: "flow vendor update --from-lock", explanation: "after a robot edited and committed the lock alone" },
    { command: "flow vendor update --dry-run", explanation: "what an update of everything would do" },
  ],
  arguments: [{ syntax: "[prefix...]", description: "prefixes or package names (default: all)" }],
  options: [
    { flags: "--ref <ref>", description: "branch, tag or commit that one git source goes to" },
    { flags: "--from-lock", description: "import what the committed package.json and package-lock.json say" },
    { flags: "--allow-moved-tag", description: "take a tag that upstream moved as it is now" },
    platformOption,
  ],
  mutates: true,
  run: async (ctx, { args, options }) => {
    const { updatePrefixes } = await import("../../../vendoring/index.ts");
    const target = await vendorTarget(ctx, options);
    const result = await updatePrefixes(ctx, target.dir, (args.prefix as string[] | undefined) ?? [], {
      ...target.options,
      fromLock: options.fromLock === true,
      allowMovedTag: options.allowMovedTag === true,
    });
    await refreshAfter(ctx, target);
    return { ...result, dryRun: target.options.dryRun === true };
  },
  render: ({ dryRun, ...result }) => renderImport(result, dryRun),
});
