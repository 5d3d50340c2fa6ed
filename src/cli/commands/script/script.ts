import type { WorkspaceScript } from "../../../workspace/index.ts";
import { defineCommand } from "../../command.ts";
import { runForeground } from "../../foreground.ts";

interface Answer {
  scripts: WorkspaceScript[];
  exitCode: number;
}

export const command = defineCommand<Answer>({
  name: "script",
  summary: "run one of the team's own scripts, or list them",
  examples: [
    { command: "flow script", explanation: "what there is in scripts/" },
    { command: "flow script hello world", explanation: "run scripts/hello.mjs with an argument" },
  ],
  arguments: [
    { syntax: "[name]", description: "the script's file name without its extension" },
    { syntax: "[args...]", description: "what it gets" },
  ],
  passThrough: true,
  run: async (ctx, { args }) => {
    const { loadWorkspace } = await import("../../../config/index.ts");
    const { listScripts, scriptCommand, workspaceEnvironment } = await import("../../../workspace/index.ts");
    const workspace = await loadWorkspace(ctx);
    if (typeof args.name !== "string") return { scripts: await listScripts(workspace), exitCode: 0 };
    const argv = await scriptCommand(workspace, args.name, (args.args as string[] | undefined) ?? []);
    return { scripts: [], exitCode: await runForeground(ctx, argv, workspaceEnvironment(workspace.paths, ctx.env)) };
  },
  render: ({ scripts }) => {
    const rows = scripts.map(({ name, arguments: parameters, summary }) => [
      `${name} ${parameters}`.trimEnd(),
      summary,
    ]);
    const width = Math.max(0, ...rows.map(([left]) => left?.length ?? 0));
    return rows.map(([left = "", right = ""]) => `  ${left.padEnd(width)}   ${right}`.trimEnd()).join("\n");
  },
  exitCode: ({ exitCode }) => exitCode,
});
