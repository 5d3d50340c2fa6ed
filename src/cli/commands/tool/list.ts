import { defineCommand } from "../../command.ts";

export const command = defineCommand({
  name: "tool list",
  summary: "show the workspace's tools and what is installed of them",
  examples: [
    { command: "flow tool list", explanation: "versions pinned and installed" },
    { command: "flow tool list --json", explanation: "the same for a script" },
  ],
  run: async (ctx) => {
    const { loadWorkspace } = await import("../../../config/index.ts");
    const { listTools } = await import("../../../toolchain/index.ts");
    return { tools: await listTools(ctx, await loadWorkspace(ctx)) };
  },
  render: ({ tools }) => {
    if (tools.length === 0) return "flow.yaml pins no tools.";
    const rows = tools.map(({ name, installed, pinned, state, source }) => [
      name,
      installed ?? "-",
      pinned ?? "-",
      state,
      source,
    ]);
    const table = [["TOOL", "INSTALLED", "PINNED", "STATE", "SOURCE"], ...rows];
    const widths = [0, 1, 2, 3].map((column) => Math.max(...table.map((row) => row[column]?.length ?? 0)));
    return table
      .map((row) =>
        row
          .map((cell, column) => cell.padEnd(widths[column] ?? 0))
          .join("   ")
          .trimEnd(),
      )
      .join("\n");
  },
});
