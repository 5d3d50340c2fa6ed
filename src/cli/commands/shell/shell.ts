import { defineCommand } from "../../command.ts";
import { runForeground } from "../../foreground.ts";

export const command = defineCommand({
  name: "shell",
  summary: "start your shell inside the workspace",
  examples: [{ command: "flow shell", explanation: "exit leaves it; your own shell stays as it was" }],
  json: false,
  run: async (ctx) => {
    const { loadWorkspace } = await import("../../../config/index.ts");
    const { shellCommand, workspaceEnvironment } = await import("../../../workspace/index.ts");
    const { paths } = await loadWorkspace(ctx);
    const { argv, env } = await shellCommand(ctx, paths);
    return await runForeground(ctx, argv, { ...workspaceEnvironment(paths, ctx.env), ...env });
  },
  exitCode: (code) => code,
});
