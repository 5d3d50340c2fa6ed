import { join } from "node:path";
import { describeInstallation } from "../../../core/installation.ts";
import { defineCommand, type CliContext } from "../../command.ts";
import { namesOf } from "../run/announce.ts";

export const command = defineCommand({
  name: "demo",
  summary: "make an example workspace, run it, and show a call answered",
  examples: [
    { command: "flow demo", explanation: "in ./flow-demo; again, it takes seconds" },
    { command: "flow demo ~/try", explanation: "somewhere else" },
  ],
  arguments: [{ syntax: "[directory]", description: "where the workspace is or shall be, default ./flow-demo" }],
  json: false,
  run: async (ctx, { args }) => {
    const { bootstrapWorkspace } = await import("../../../workspace/index.ts");
    const { home } = await bootstrapWorkspace(ctx, {
      directory: typeof args.directory === "string" ? args.directory : "flow-demo",
      organization: "acme",
      module: "example.com/acme",
      example: "shop",
    });
    const { startRun } = await import("../../../runner/index.ts");
    const { announce } = await import("../run/announce.ts");
    const { follow } = await import("../run/follow.ts");
    const inside = await insideWorkspace(ctx, home);
    const since = ctx.now().toISOString();
    const { plan, client } = await startRun(inside, { services: [], attached: true });
    announce(inside, plan);
    const { showCalls } = await import("./show-calls.ts");
    const shown = new AbortController();
    void showCalls(inside, { client, plan, home, signal: shown.signal });
    const exitCode = await follow(inside, { client, logs: plan.logs, services: namesOf(plan), since, own: true });
    shown.abort();
    return { exitCode };
  },
  exitCode: ({ exitCode }) => exitCode,
});

/** The context that the workspace's own flow has: its programs are the workspace's, its tools come first. */
async function insideWorkspace(ctx: CliContext, home: string): Promise<CliContext> {
  const { loadWorkspaceAt } = await import("../../../config/index.ts");
  const { currentFlow } = await import("../../../toolchain/index.ts");
  const { workspaceEnvironment } = await import("../../../workspace/index.ts");
  const { paths } = await loadWorkspaceAt(home, ctx.env);
  return {
    ...ctx,
    cwd: home,
    env: workspaceEnvironment(paths, ctx.env),
    installation: describeInstallation(await currentFlow(paths), join(paths.bin, "node")),
  };
}
