import { defineCommand } from "../../command.ts";

export const command = defineCommand({
  name: "tool gc",
  summary: "remove versions of flow, Node, tools and builds that nothing refers to",
  examples: [
    { command: "flow tool gc --dry-run", explanation: "what would go, and how much it takes" },
    { command: "flow tool gc", explanation: "what is in use, and what a rollback returns to, stays" },
  ],
  mutates: true,
  run: async (ctx, { options }) => {
    const { loadWorkspace } = await import("../../../config/index.ts");
    const { collectGarbage } = await import("../../../toolchain/index.ts");
    const { buildPlace } = await import("../../../workspace/index.ts");
    const dryRun = options.dryRun === true;
    const workspace = await loadWorkspace(ctx);
    const builds = buildPlace(ctx, workspace);
    return { removed: await collectGarbage(ctx, workspace, { dryRun, builds }), dryRun };
  },
  render: ({ removed, dryRun }) => {
    if (removed.length === 0) return "Everything is in use.";
    const total = removed.reduce((sum, { bytes }) => sum + bytes, 0);
    return [
      ...removed.map(({ path, bytes }) => `${megabytes(bytes).padStart(9)}  ${path}`),
      `${megabytes(total).padStart(9)}  in all${dryRun ? " would be removed" : " removed"}`,
    ].join("\n");
  },
});

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
