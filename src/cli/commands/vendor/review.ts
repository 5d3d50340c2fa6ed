import { defineCommand } from "../../command.ts";
import { renderReview } from "./render-review.ts";
import { vendorTarget } from "./target.ts";

export const command = defineCommand({
  name: "vendor review",
  summary: "sum up what a change of the mirror brings, package by package",
  examples: [
    { command: "flow vendor review origin/main...origin/robot/update", explanation: "what a branch brings" },
    { command: "flow vendor review HEAD~..HEAD", explanation: "between two commits, as they are" },
    {
      command: "flow vendor review --markdown",
      explanation: "what is not pushed yet, for the description of a pull request",
    },
  ],
  arguments: [
    { syntax: "[range]", description: "A..B, A...B (since B left A), or a branch (default: what is not pushed yet)" },
  ],
  options: [{ flags: "--markdown", description: "as Markdown, for a pull request" }],
  run: async (ctx, { args, options }) => {
    const { reviewRange } = await import("../../../vendoring/index.ts");
    const { dir } = await vendorTarget(ctx);
    const range = args.range as string | undefined;
    return { ...(await reviewRange(ctx, dir, range)), markdown: options.markdown === true };
  },
  render: ({ markdown, ...review }) => renderReview(review, markdown),
});
