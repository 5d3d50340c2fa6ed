import { defineCommand } from "../../command.ts";

export const command = defineCommand({
  name: "tool remove",
  summary: "take tools out of the workspace",
  examples: [
    { command: "flow tool remove grpcurl", explanation: "out of flow.yaml, tools-lock.json, bin/ and pkg/" },
    { command: "flow tool remove grpcurl --dry-run", explanation: "what would go" },
  ],
  arguments: [{ syntax: "<name...>", description: "tools of flow.yaml" }],
  mutates: true,
  destroys: true,
  run: async (ctx, { args, options }) => {
    const { loadWorkspace } = await import("../../../config/index.ts");
    const { removeTools } = await import("../../../toolchain/index.ts");
    const workspace = await loadWorkspace(ctx);
    const names = args.name as string[];
    const plan = await removeTools(ctx, workspace, { names, dryRun: true });
    if (options.dryRun === true) return { tools: plan, dryRun: true };
    if (!(await ctx.confirm(`Remove ${names.join(", ")} from this workspace?`))) return { tools: [], dryRun: false };
    return { tools: await removeTools(ctx, workspace, { names }), dryRun: false };
  },
  render: ({ tools, dryRun }) => {
    if (tools.length === 0) return "Nothing was removed.";
    if (dryRun) return tools.flatMap(({ removed }) => removed).join("\n");
    return `${tools.map(({ name }) => name).join(", ")} removed; flow.yaml says so: commit it.`;
  },
});
