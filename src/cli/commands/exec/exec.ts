import { defineCommand } from "../../command.ts";
import { runForeground } from "../../foreground.ts";
import { commandVariables } from "./variables.ts";

export const command = defineCommand({
  name: "exec",
  summary: "run a program with the workspace's tools, without activating it",
  examples: [
    { command: "flow exec -- buf --version", explanation: "the workspace's buf, whatever is on your PATH" },
    { command: "flow exec -- npm test", explanation: "any program, with the workspace's PATH and caches" },
  ],
  arguments: [{ syntax: "<command...>", description: "the program and its arguments" }],
  json: false,
  passThrough: true,
  run: async (ctx, { args }) => {
    const argv = args.command as [string, ...string[]];
    return await runForeground(ctx, argv, { ...ctx.env, ...(await commandVariables(ctx)) });
  },
  exitCode: (code) => code,
});
