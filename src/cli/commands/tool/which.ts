import { defineCommand } from "../../command.ts";

export const command = defineCommand({
  name: "tool which",
  summary: "print where an installed tool lies",
  examples: [
    { command: "flow tool which buf", explanation: "the path of the program" },
    { command: "flow tool which buf --json", explanation: "its version and source too" },
  ],
  arguments: [{ syntax: "<name>", description: "a tool of flow.yaml" }],
  run: async (ctx, { args }) => {
    const { loadWorkspace } = await import("../../../config/index.ts");
    const { whichTool } = await import("../../../toolchain/index.ts");
    return await whichTool(await loadWorkspace(ctx), String(args.name));
  },
  render: ({ path }) => path,
});
