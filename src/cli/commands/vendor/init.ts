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
  mutates: true,
  run: async (ctx, { args, options }) => {
    const { initMirror, planMirror } = await import("../../../vendoring/index.ts");
    const { remote } = options;
    const dir = resolve(ctx.cwd, String(args.directory));
    const wanted = {
      dir,
      ...(typeof remote === "string" ? { remote: /^\.{0,2}\//.test(remote) ? resolve(ctx.cwd, remote) : remote } : {}),
    };
    const plan = await planMirror(ctx, wanted);
    if (options.dryRun === true) return { mirror: dir, plan, dryRun: true };
    return { mirror: (await initMirror(ctx, wanted)).dir, plan, dryRun: false };
  },
  render: ({ mirror, plan, dryRun }) =>
    dryRun
      ? [
          ...plan,
          ...(plan.length === 0 ? [`${mirror} is a mirror already.`] : ["", "Nothing was changed (--dry-run)."]),
        ].join("\n")
      : `The mirror is ${mirror}. Go on there: flow vendor add npm:NAME, then flow vendor push.`,
});
