import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { findRepository, findWorkspaceRoot } from "../../../config/find.ts";
import { defineCommand } from "../../command.ts";

export const command = defineCommand({
  name: "completion-words",
  summary: "print the words that a shell completes",
  examples: [{ command: "flow completion-words services", explanation: "names of the services here" }],
  arguments: [{ syntax: "<kind>", description: "services or scripts" }],
  json: false,
  // A shell asks in the middle of a line: whatever is wrong, there is just nothing to complete.
  run: async (ctx, { args }) => (await words(ctx, String(args.kind)).catch(() => [])).join("\n"),
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
