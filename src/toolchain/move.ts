import semver from "semver";
import { editYaml, type ToolDefinition, type Workspace } from "../config/index.ts";
import type { FlowContext } from "../core/context.ts";
import { FlowError } from "../core/errors.ts";
import { moduleOf } from "../vendoring/index.ts";
import { installTools, type InstalledTool } from "./install.ts";
import { knownTools, selectTools } from "./pins.ts";

/** Something of the mirror that moves there: an npm package or a Go module. */
export interface MirrorMove {
  /** Package name or module path, as `flow vendor update` takes it. */
  name: string;
  /** As `flow vendor add` takes it; undefined for the newest that what was asked for at first allows. */
  spec: string | undefined;
}

/** Tools of the mirror, which move with it, and those whose version flow.yaml pins. Some are both. */
export interface ToolMoves {
  /** By tool. */
  mirror: Map<string, MirrorMove>;
  /** New version by tool. */
  pinned: Map<string, string>;
}

export interface MoveOptions {
  /** The version that one tool shall have. Default: for tools that flow knows, the one that it was tested with. */
  to?: string | undefined;
  /** Paths of the Go modules that the mirror holds. */
  modules?: readonly string[];
}

/**
 * What updating tools means for each.
 * @throws FlowError FLOW_TOOL_UNKNOWN, FLOW_USAGE
 */
export function planMoves(
  workspace: Workspace,
  names: readonly string[],
  { to, modules = [] }: MoveOptions = {},
): ToolMoves {
  if (to !== undefined && names.length !== 1)
    throw new FlowError("FLOW_USAGE", "--to says where one tool goes: name that one");
  if (to !== undefined && semver.valid(to) === null)
    throw new FlowError("FLOW_USAGE", `"${to}" is no exact version`, {
      hint: "a version has three numbers, such as 1.4.0",
    });
  const moves: ToolMoves = { mirror: new Map(), pinned: new Map() };
  for (const [name, tool] of selectTools(workspace, names)) {
    const version = to ?? knownTools[name]?.version;
    const module = tool.go === undefined ? undefined : moduleOf(tool.go, modules);
    if (tool.npm !== undefined) {
      // flow's own programs move with flow.
      const spec = to === undefined ? undefined : `npm:${tool.npm}@${to}`;
      if (tool.npm !== "goflow") moves.mirror.set(name, { name: tool.npm, spec });
    } else if (tool.file !== undefined || tool.system !== undefined) {
      // They are what the mirror or the machine holds: there is nothing to move here.
    } else if (module !== undefined && (version !== undefined || tool.version === undefined)) {
      if (version === undefined || version !== tool.version)
        moves.mirror.set(name, { name: module, spec: version === undefined ? undefined : `go:${module}@v${version}` });
      if (tool.version !== undefined && version !== undefined && version !== tool.version)
        moves.pinned.set(name, version);
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
