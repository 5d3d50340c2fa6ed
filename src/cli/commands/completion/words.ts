import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { findRepository, findWorkspaceRoot } from "../../../config/find.ts";
import { defineCommand, type CommandDefinition } from "../../command.ts";

export const command = defineCommand({
  name: "completion-words",
  summary: "print the words that a shell completes",
  examples: [{ command: "flow completion-words services", explanation: "names of the services here" }],
  arguments: [
    { syntax: "<kind>", description: "services, scripts or options" },
    { syntax: "[command...]", description: "the command whose options are asked for" },
  ],
  json: false,
  passThrough: true,
  // A shell asks in the middle of a line: whatever is wrong, there is just nothing to complete.
  run: async (ctx, { args }) => {
    const kind = String(args.kind);
    const found = kind === "options" ? options((args.command as string[] | undefined) ?? []) : words(ctx, kind);
    return (await found.catch(() => [])).join("\n");
  },
  render: (text) => text,
});

async function words(
  ctx: { cwd: string; env: Readonly<Record<string, string | undefined>> },
  kind: string,
): Promise<string[]> {
  const root = await findWorkspaceRoot(ctx);
  if (kind === "scripts") {
    if (root === undefined) return [];
    return (await readdir(join(root, "scripts"))).map((name) => name.replace(/\.[^.]+$/, ""));
  }
  const { loadRepository, loadServices, loadWorkspaceAt } = await import("../../../config/index.ts");
  if (root !== undefined) return [...(await loadServices(await loadWorkspaceAt(root, ctx.env))).keys()];
  const repository = findRepository(ctx.cwd);
  return repository === undefined ? [] : Object.keys((await loadRepository(repository)).definition.services ?? {});
}

/** Long options of the command that `line` begins with. */
async function options(line: readonly string[]): Promise<string[]> {
  const { commands } = await import("../index.ts");
  const entry = commands.find(({ name }) => name === line.slice(0, 2).join(" ") || name === line[0]);
  if (entry === undefined) return ["--help"];
  const { options: own = [], mutates, destroys, json } = (await entry.load()).command as CommandDefinition;
  return [
    ...own.map(({ flags }) => /--[\w-]+/.exec(flags)?.[0] ?? ""),
    ...(mutates === true ? ["--dry-run"] : []),
    ...(destroys === true ? ["--yes"] : []),
    ...(json === false ? [] : ["--json"]),
    "--quiet",
    "--verbose",
    "--help",
  ];
}
