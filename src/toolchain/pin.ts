import { editYaml, loadWorkspaceAt, type Workspace } from "../config/index.ts";
import type { FlowContext } from "../core/context.ts";
import { knownTools } from "./pins.ts";

/**
 * Writes the definition of tools that flow knows by itself (consul) into flow.yaml, where they are not pinned yet.
 * @returns the workspace as it is now, and the names that were pinned
 */
export async function pinKnownTools(
  ctx: FlowContext,
  workspace: Workspace,
  names: readonly string[],
): Promise<{ workspace: Workspace; pinned: string[] }> {
  const pinned = names.filter(
    (name) => workspace.definition.tools?.[name] === undefined && knownTools[name] !== undefined,
  );
  if (pinned.length === 0) return { workspace, pinned };
  await editYaml(workspace.paths.file, (document) => {
    for (const name of pinned) document.setIn(["tools", name], document.createNode(knownTools[name]));
  });
  return { workspace: await loadWorkspaceAt(workspace.paths.home, ctx.env), pinned };
}
