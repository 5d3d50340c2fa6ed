import { showPath } from "../../../core/bytes.ts";
import { defineCommand } from "../../command.ts";
import { vendorTarget } from "./target.ts";

export const command = defineCommand({
  name: "vendor diff",
  summary: "show what we changed in the mirror, beside what upstream has",
  examples: [
    { command: "flow vendor diff", explanation: "every patched prefix, with what is not committed yet" },
    { command: "flow vendor diff pino --committed", explanation: "the committed patches of one package" },
    { command: "flow vendor diff --name-only", explanation: "the changed files" },
  ],
  arguments: [{ syntax: "[prefix...]", description: "prefixes or package names (default: all)" }],
  options: [
    { flags: "--committed", description: "leave out what lies in the work tree and is not committed" },
    { flags: "--name-only", description: "files instead of their changes" },
  ],
  run: async (ctx, { args, options }) => {
    const { diffPrefixes } = await import("../../../vendoring/index.ts");
    const names = (args.prefix as string[] | undefined) ?? [];
    const { dir } = await vendorTarget(ctx);
    const prefixes = await diffPrefixes(ctx, dir, { names, committed: options.committed === true });
    return { prefixes, nameOnly: options.nameOnly === true };
  },
  render: ({ prefixes, nameOnly }) =>
    nameOnly
      ? prefixes.flatMap(({ files }) => files.map(({ status, path }) => `${status}  ${showPath(path)}`)).join("\n")
      : prefixes.map(({ diff }) => diff).join(""),
});
