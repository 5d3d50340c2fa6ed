import { defineCommand } from "../../command.ts";
import { renderShare } from "./render.ts";
import { vendorTarget } from "./target.ts";

export const command = defineCommand({
  name: "vendor push",
  summary: "publish the mirror to its remote",
  examples: [
    { command: "flow vendor push", explanation: "when another was faster, theirs is merged first" },
    { command: "flow vendor push --dry-run", explanation: "which commits would go" },
    {
      command: "flow vendor push --upstream github.com/org/repo --to git@host:me/repo.git",
      explanation: "our patches of one git source, as a branch of your fork",
    },
  ],
  options: [
    { flags: "--upstream <prefix>", description: "send the patches of this git source to its upstream or a fork" },
    { flags: "--to <url>", description: "with --upstream: git URL to push to (default: the source itself)" },
    { flags: "--branch <name>", description: "with --upstream: branch to push (default: flow-patches)" },
    {
      flags: "--history",
      description:
        "on a protected branch, propose git subtree's own commits: for forges that merge with a merge commit",
    },
  ],
  mutates: true,
  run: async (ctx, { options }) => {
    const { pushMirror, pushUpstream } = await import("../../../vendoring/index.ts");
    const dryRun = options.dryRun === true;
    const { dir } = await vendorTarget(ctx);
    if (typeof options.upstream !== "string") {
      return await pushMirror(ctx, dir, { dryRun, history: options.history === true });
    }
    return await pushUpstream(ctx, dir, {
      name: options.upstream,
      dryRun,
      ...(typeof options.to === "string" ? { url: options.to } : {}),
      ...(typeof options.branch === "string" ? { branch: options.branch } : {}),
    });
  },
  render: (result) =>
    "url" in result
      ? `${result.prefix}: ${result.commits} commits of ours are branch ${result.branch} of ${result.url}. Open a pull request from it.`
      : renderShare(result),
});
