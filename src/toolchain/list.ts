import { join } from "node:path";
import type { ToolDefinition, Workspace } from "../config/index.ts";
import type { FlowContext } from "../core/context.ts";
import { FlowError, isFlowError } from "../core/errors.ts";
import { selectTools } from "./pins.ts";
import { readReceipts, type Receipt } from "./receipt.ts";
import { isLinked } from "./shim.ts";
import { fileCandidate } from "./sources/file.ts";
import { goMirrorCandidate } from "./sources/go-mirror.ts";
import { mirrorCandidate } from "./sources/mirror.ts";
import { ownCandidate } from "./sources/own.ts";
import { systemCandidate } from "./sources/system.ts";

export interface ToolStatus {
  name: string;
  /** `npm:@bufbuild/buf`, `release:https://…`, `go:github.com/…`. */
  source: string;
  /** Version that flow.yaml or the mirror pins; null when the mirror does not hold it. */
  pinned: string | null;
  /** Version that `bin/<name>` starts; null when it is not installed. */
  installed: string | null;
  /** outdated: another version, or the mirror holds other content under the same one. unavailable: its source has none. */
  state: "installed" | "outdated" | "missing" | "unavailable";
  path: string;
}

/** Every tool that the workspace pins and what is installed of it. Needs no network. */
export async function listTools(ctx: FlowContext, workspace: Workspace): Promise<ToolStatus[]> {
  return await Promise.all(selectTools(workspace, []).map(([name, tool]) => statusOf(ctx, workspace, { name, tool })));
}

async function statusOf(
  ctx: FlowContext,
  workspace: Workspace,
  { name, tool }: { name: string; tool: ToolDefinition },
): Promise<ToolStatus> {
  const linked = await linkedReceipt(workspace, name);
  const wanted = await wantedOf(ctx, workspace, { name, tool });
  const same =
    linked !== undefined &&
    linked.version === wanted?.version &&
    (wanted.identity ?? linked.identity) === linked.identity;
  const state = same
    ? "installed"
    : wanted === undefined
      ? "unavailable"
      : linked === undefined
        ? "missing"
        : "outdated";
  return {
    name,
    source: describeSource(tool),
    pinned: wanted?.version ?? null,
    installed: linked?.version ?? null,
    state,
    path: join(workspace.paths.bin, name),
  };
}

async function wantedOf(
  ctx: FlowContext,
  workspace: Workspace,
  { name, tool }: { name: string; tool: ToolDefinition },
): Promise<{ version: string; identity: string | undefined } | undefined> {
  const request = { name, tool, workspace };
  try {
    const own = await ownCandidate(request, workspace.paths.current);
    if (own !== undefined) return own;
    if (tool.npm !== undefined) return await mirrorCandidate(ctx, request);
    if (tool.file !== undefined) return await fileCandidate(ctx, request);
    if (tool.system !== undefined) return await systemCandidate(ctx, request);
    const fromMirror = tool.go === undefined ? undefined : await goMirrorCandidate(ctx, request);
    if (fromMirror !== undefined) return fromMirror;
    return tool.version === undefined ? undefined : { version: tool.version, identity: undefined };
  } catch (error) {
    if (isFlowError(error, "FLOW_TOOL_UNAVAILABLE")) return undefined;
    throw error;
  }
}

function describeSource(tool: ToolDefinition): string {
  if (tool.npm !== undefined) return `npm:${tool.npm}`;
  if (tool.file !== undefined) return `file:${tool.file}`;
  if (tool.release !== undefined) return `release:${tool.release.url}`;
  return tool.go === undefined ? `system:${tool.system}` : `go:${tool.go}`;
}

async function linkedReceipt(workspace: Workspace, name: string): Promise<Receipt | undefined> {
  for (const receipt of await readReceipts(workspace.paths, name)) {
    if (await isLinked(workspace.paths, receipt)) return receipt;
  }
  return undefined;
}

/** Where an installed tool lies. @throws FlowError FLOW_TOOL_UNKNOWN, FLOW_TOOL_UNAVAILABLE when it is not installed */
export async function whichTool(
  workspace: Workspace,
  name: string,
): Promise<Pick<Receipt, "name" | "version" | "source"> & { path: string }> {
  selectTools(workspace, [name]);
  const receipt = await linkedReceipt(workspace, name);
  if (receipt === undefined) {
    throw new FlowError("FLOW_TOOL_UNAVAILABLE", `${name} is not installed`, { hint: `flow tool install ${name}` });
  }
  return { name, version: receipt.version, source: receipt.source, path: join(workspace.paths.bin, name) };
}
