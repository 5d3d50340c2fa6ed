import { resolve } from "node:path";
import { defineCommand } from "../../command.ts";

export const command = defineCommand({
  name: "vendor init",
  summary: "make a mirror of its own",
  examples: [
    { command: "flow vendor init vendor", explanation: "a repository for dependencies, without a remote yet" },
    { command: "flow vendor init vendor --remote git@host:acme/vendor.git", explanation: "shared from there" },
  ],
  arguments: [{ syntax: "<directory>", description: "where the mirror's work tree is or shall be" }],
  options: [{ flags: "--remote <url>", description: "git URL it is shared through; a path that is not there is made" }],
  run: async (ctx, { args, options }) => {
    const { initMirror } = await import("../../../vendoring/index.ts");
    const { remote } = options;
    const { dir } = await initMirror(ctx, {
      dir: resolve(ctx.cwd, String(args.directory)),
      ...(typeof remote === "string" ? { remote: /^\.{0,2}\//.test(remote) ? resolve(ctx.cwd, remote) : remote } : {}),
    });
    return { mirror: dir };
  },
  render: ({ mirror }) => `The mirror is ${mirror}. Go on there: flow vendor add npm:NAME, then flow vendor push.`,
});
