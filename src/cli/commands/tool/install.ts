import { defineCommand } from "../../command.ts";
import type { ToolStatus } from "../../../toolchain/index.ts";

export const command = defineCommand({
  name: "tool install",
  summary: "install the tools that flow.yaml and the mirror pin",
  examples: [
    { command: "flow tool install", explanation: "all of them; what is installed already is left alone" },
    { command: "flow tool install buf", explanation: "one" },
    { command: "flow tool install consul", explanation: "the real Consul: its release archive, or built by Go" },
  ],
  arguments: [{ syntax: "[name...]", description: "tools of flow.yaml; consul is known by itself (default: all)" }],
  options: [
    {
      flags: "--source <source>",
      description: "of a tool with several sources take this one",
      choices: ["release", "go"],
    },
  ],
  mutates: true,
  run: async (ctx, { args, options }) => {
    const { loadWorkspace } = await import("../../../config/index.ts");
    const { installTools, listTools, pinKnownTools } = await import("../../../toolchain/index.ts");
    const names = (args.name as string[] | undefined) ?? [];
    const loaded = await loadWorkspace(ctx);
    if (options.dryRun === true) return { tools: [], pinned: [], plan: planOf(await listTools(ctx, loaded), names) };
    const { workspace, pinned } = await pinKnownTools(ctx, loaded, names);
    const source = options.source as "release" | "go" | undefined;
    return {
      tools: await installTools(ctx, workspace, names, source === undefined ? {} : { from: source }),
      pinned,
      plan: [],
    };
  },
  render: ({ tools, pinned, plan }) =>
    [
      ...plan,
      ...tools.map(
        ({ name, version, source, changed }) => `${name} ${version} (${source})${changed ? "" : ", installed already"}`,
      ),
      ...(pinned.length === 0
        ? []
        : [`\nflow.yaml pins ${pinned.join(", ")} now, tools-lock.json what it must be: commit both.`]),
    ].join("\n"),
});

function planOf(tools: readonly ToolStatus[], names: readonly string[]): string[] {
  const known = tools.filter(({ name }) => names.length === 0 || names.includes(name));
  const unknown = names.filter((name) => !tools.some((tool) => tool.name === name));
  return [
    ...known.map(({ name, source, pinned, state }) =>
      state === "installed" ? `${name}: nothing to do` : `${name}: install ${pinned ?? "?"} from ${source}`,
    ),
    ...unknown.map((name) => `${name}: pin it in flow.yaml and install it`),
  ];
}
