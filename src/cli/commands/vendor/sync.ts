import { defineCommand } from "../../command.ts";
import { renderShare } from "./render.ts";
import { refreshAfter, vendorTarget } from "./target.ts";

export const command = defineCommand({
  name: "vendor sync",
  summary: "bring the mirror up to date with its remote",
  examples: [
    { command: "flow vendor sync", explanation: "fetches what others pushed; commits of yours are merged with it" },
    { command: "flow vendor sync pino", explanation: "and takes a package into the work tree of a sparse clone" },
    {
      command: "flow vendor sync --full",
      explanation: "and fetches all of the mirror into a clone that left things out",
    },
    { command: "flow vendor sync --dry-run", explanation: "which commits would come" },
  ],
  arguments: [{ syntax: "[prefix...]", description: "prefixes or packages to take into the work tree" }],
  options: [{ flags: "--full", description: "fetch all history and every file" }],
  mutates: true,
  run: async (ctx, { args, options }) => {
    const { bringNamed, completeMirror, openMirror, syncMirror } = await import("../../../vendoring/index.ts");
    const target = await vendorTarget(ctx, options);
    const dryRun = options.dryRun === true;
    const result = await syncMirror(ctx, target.dir, { dryRun });
    const names = (args.prefix as string[] | undefined) ?? [];
    if (!dryRun && options.full === true) await completeMirror(ctx, await openMirror(ctx, target.dir));
    else if (!dryRun && names.length > 0) await bringNamed(ctx, await openMirror(ctx, target.dir), names);
    await refreshAfter(ctx, target);
    return result;
  },
  render: renderShare,
});
