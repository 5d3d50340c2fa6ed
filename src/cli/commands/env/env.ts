import { basename } from "node:path";
import { FlowError } from "../../../core/errors.ts";
import { nearest } from "../../../core/suggest.ts";
import { defineCommand, type CliContext } from "../../command.ts";
import { commandVariables } from "../exec/variables.ts";
import { formatExports, shells, type ShellName } from "./exports.ts";

interface Answer {
  variables?: Record<string, string>;
  shell?: ShellName;
  explained?: { key: string; value: unknown; origin: string };
}

export const command = defineCommand<Answer>({
  name: "env",
  summary: "print the workspace's environment for a shell, or where a setting comes from",
  examples: [
    {
      command: 'eval "$(flow env)"',
      explanation: "activate in this bash or zsh (source flow.sh does the same, faster)",
    },
    { command: "flow env fish | source", explanation: "activate in this fish" },
    { command: "flow env --explain consul", explanation: "the file or variable that decides a setting" },
  ],
  arguments: [{ syntax: "[shell]", description: "bash, zsh or fish (default: $SHELL)" }],
  options: [
    { flags: "--explain <key>", description: "name the file that a setting of flow.yaml comes from, e.g. edge.port" },
    { flags: "--checkout", description: "what contributors to flow need: its Node, npm and development tools" },
  ],
  run: async (ctx, { args, options }) => {
    if (typeof options.explain === "string") return { explained: await explain(ctx, options.explain) };
    const asked = args.shell ?? basename(ctx.env.SHELL ?? "bash");
    const shell = shells.find((name) => name === asked);
    if (shell === undefined && args.shell !== undefined) {
      throw new FlowError("FLOW_USAGE", `there are no exports for ${String(args.shell)}`, {
        hint: `shells are: ${shells.join(", ")}`,
      });
    }
    // Any other shell is taken to read what bash reads.
    return { variables: await commandVariables(ctx, { checkout: options.checkout === true }), shell: shell ?? "bash" };
  },
  render: ({ variables, shell, explained }) => {
    if (explained !== undefined)
      return `${explained.key} = ${JSON.stringify(explained.value)}\n  from ${explained.origin}`;
    return formatExports(variables ?? {}, shell ?? "bash");
  },
});

async function explain(ctx: CliContext, key: string): Promise<{ key: string; value: unknown; origin: string }> {
  const { loadWorkspace } = await import("../../../config/index.ts");
  const { definition, origins } = await loadWorkspace(ctx);
  let value: unknown = definition;
  for (const part of key.split("."))
    value = typeof value === "object" && value !== null ? (value as Record<string, unknown>)[part] : undefined;
  const origin = origins.get(key);
  if (origin !== undefined) return { key, value, origin };
  const suggestion = nearest(key, [...origins.keys()]);
  throw new FlowError("FLOW_USAGE", `no file sets ${key}`, {
    hint: suggestion === undefined ? "it has its default" : `it has its default; did you mean "${suggestion}"?`,
  });
}
