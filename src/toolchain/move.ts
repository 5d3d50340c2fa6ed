import semver from "semver";
import { editYaml, type ToolDefinition, type Workspace } from "../config/index.ts";
import type { FlowContext } from "../core/context.ts";
import { FlowError } from "../core/errors.ts";
import { installTools, type InstalledTool } from "./install.ts";
import { knownTools, selectTools } from "./pins.ts";

/** Tools of the mirror, which move with it, and those whose version flow.yaml pins. */
export interface ToolMoves {
  /** npm packages or Go modules of the mirror, by tool. */
  mirror: Map<string, string>;
  /** New version by tool. */
  pinned: Map<string, string>;
}

/**
 * What updating tools means for each: `to` is the version that one tool shall have; without it, tools that flow knows
 * go to the version that it was tested with.
 * @throws FlowError FLOW_TOOL_UNKNOWN, FLOW_USAGE
 */
export function planMoves(workspace: Workspace, names: readonly string[], to: string | undefined): ToolMoves {
  if (to !== undefined && names.length !== 1)
    throw new FlowError("FLOW_USAGE", "--to says where one tool goes: name that one");
  if (to !== undefined && semver.valid(to) === null)
    throw new FlowError("FLOW_USAGE", `"${to}" is no exact version`, {
      hint: "a version has three numbers, such as 1.4.0",
    });
  const moves: ToolMoves = { mirror: new Map(), pinned: new Map() };
  for (const [name, tool] of selectTools(workspace, names)) {
    const version = to ?? knownTools[name]?.version;
    if (tool.npm !== undefined) {
      // flow's own programs move with flow.
      if (tool.npm !== "goflow") moves.mirror.set(name, to === undefined ? tool.npm : `${tool.npm}@${to}`);
    } else if (tool.file !== undefined || tool.system !== undefined) {
      // They are what the mirror or the machine holds: there is nothing to move here.
    } else if (version !== undefined && version !== tool.version) moves.pinned.set(name, version);
    else if (names.length > 0 && version === undefined) throw noVersion(name, tool);
  }
  return moves;
}

function noVersion(name: string, { version }: ToolDefinition): FlowError {
  return new FlowError("FLOW_USAGE", `to which version? ${name} is pinned to ${version ?? "none"}`, {
    hint: `flow tool update ${name} --to VERSION; its release site or module proxy tells which there are`,
  });
}

/** Installs tools in other versions and then pins those in flow.yaml; one that cannot be had changes nothing. */
export async function moveTools(
  ctx: FlowContext,
  workspace: Workspace,
  { pinned }: ToolMoves,
): Promise<InstalledTool[]> {
  const tools = { ...workspace.definition.tools };
  for (const [name, version] of pinned) tools[name] = { ...tools[name], version } as ToolDefinition;
  const wanted = { ...workspace, definition: { ...workspace.definition, tools } };
  const installed = await installTools(ctx, wanted, [...pinned.keys()]);
  await editYaml(workspace.paths.file, (document) => {
    for (const [name, version] of pinned) document.setIn(["tools", name, "version"], version);
  });
  return installed;
}
