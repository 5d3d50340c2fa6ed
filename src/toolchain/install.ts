import { existsSync } from "node:fs";
import { join } from "node:path";
import type { ToolDefinition, Workspace } from "../config/index.ts";
import type { FlowContext } from "../core/context.ts";
import { FlowError, isFlowError } from "../core/errors.ts";
import { skipStep, step, warn, type StepControl } from "../core/events.ts";
import { stageDirectory, sweepStaging } from "../core/files.ts";
import { withLock } from "../core/lock.ts";
import { updateToolLock } from "./lock-file.ts";
import { selectTools } from "./pins.ts";
import { choosePayload, payloadDirectory, readReceipts, writeReceipt, type Receipt } from "./receipt.ts";
import { ensureGeneration } from "./generation/index.ts";
import { isLinked, linkTool } from "./shim.ts";
import { smokeRun } from "./smoke.ts";
import { fileCandidate } from "./sources/file.ts";
import { goCandidate } from "./sources/go.ts";
import { goMirrorCandidate } from "./sources/go-mirror.ts";
import { mirrorCandidate } from "./sources/mirror.ts";
import { ownCandidate } from "./sources/own.ts";
import { releaseCandidate } from "./sources/release.ts";
import { systemCandidate } from "./sources/system.ts";
import type { Candidate, ToolRequest } from "./sources/source.ts";

export interface InstallOptions {
  /** Which source to take where a tool names several. Default: the mirror, the release archive, `go build`. */
  from?: "release" | "go";
  /** Directory of the generation that gets them. Default: the one in use. */
  generation?: string;
}

export interface InstalledTool extends Pick<Receipt, "name" | "version" | "source"> {
  /** The program in `bin/`. */
  path: string;
  /** False when it was there already. */
  changed: boolean;
}

/**
 * Installs tools as the workspace's flow.yaml and its mirror pin them: fetched or copied beside, started once,
 * renamed into place, and linked in `bin/`. Steps are `tool.<name>`. Tools that run meanwhile are unaffected.
 * @param names default all that flow.yaml names
 * @throws FlowError FLOW_TOOL_UNKNOWN, FLOW_TOOL_UNAVAILABLE, FLOW_TOOL_HASH, FLOW_TOOL_BROKEN
 */
export async function installTools(
  ctx: FlowContext,
  workspace: Workspace,
  names: readonly string[] = [],
  options: InstallOptions = {},
): Promise<InstalledTool[]> {
  const selected = selectTools(workspace, names);
  return await withLock(ctx, join(workspace.paths.tools, ".lock"), { purpose: "installing tools" }, async () => {
    const generation = options.generation ?? (await ensureGeneration(workspace.paths)).dir;
    // All are tried, so that one that cannot be had does not hide what else is wrong; the first failure is thrown.
    const results = await Promise.allSettled(
      selected.map(([name, tool]) => installTool(ctx, { name, tool, workspace }, { ...options, generation })),
    );
    return results.map((result) => {
      if (result.status === "rejected") throw result.reason;
      return result.value;
    });
  });
}

async function installTool(
  ctx: FlowContext,
  request: ToolRequest,
  options: InstallOptions & { generation: string },
): Promise<InstalledTool> {
  const { name, workspace } = request;
  const { paths } = workspace;
  const candidates = await findCandidates(ctx, request, options);
  const installed = await readReceipts(paths, name);
  for (const candidate of candidates) {
    const receipt = installed.find((there) => isSame(candidate, there));
    if (receipt === undefined) continue;
    const linked = await isLinked(paths, receipt, options.generation);
    if (!linked) await linkTool(paths, receipt, options.generation);
    skipStep(ctx, { id: `tool.${name}`, title: name, detail: `${receipt.version} is installed` });
    return describe(request, receipt, !linked);
  }
  return await step(ctx, { id: `tool.${name}`, title: name }, async (control) => {
    const receipt = await installFirst(ctx, request, { candidates, control });
    await linkTool(paths, receipt, options.generation);
    control.result(
      `${receipt.version}, from ${receipt.source === "mirror" ? "the mirror" : receipt.source === "flow" ? "flow itself" : receipt.source}`,
    );
    return describe(request, receipt, true);
  });
}

function isSame({ version, source, identity }: Candidate, there: Receipt): boolean {
  return there.version === version && there.source === source && (identity ?? there.identity) === there.identity;
}

function describe({ name, workspace }: ToolRequest, { version, source }: Receipt, changed: boolean): InstalledTool {
  return { name, version, source, path: join(workspace.paths.bin, name), changed };
}

/** The sources of a tool in the order they are tried. */
async function findCandidates(
  ctx: FlowContext,
  request: ToolRequest,
  { from, generation }: InstallOptions & { generation: string },
): Promise<Candidate[]> {
  const { tool } = request;
  const own = await ownCandidate(request, generation);
  if (own !== undefined) return [own];
  if (tool.npm !== undefined) return [await mirrorCandidate(ctx, request)];
  if (tool.file !== undefined) return [await fileCandidate(ctx, request)];
  const wanted = (source: "release" | "go", there: boolean) => there && (from ?? source) === source;
  const fromMirror = wanted("go", tool.go !== undefined) ? await goMirrorCandidate(ctx, request) : undefined;
  if (fromMirror !== undefined) return [fromMirror];
  const candidates: Candidate[] = [];
  if (wanted("release", tool.release !== undefined)) candidates.push(await releaseCandidate(ctx, request));
  if (wanted("go", tool.go !== undefined)) candidates.push(await goCandidate(ctx, request));
  if (tool.system !== undefined && from === undefined) candidates.push(await systemCandidate(ctx, request));
  if (candidates.length === 0) throw noSource(request, tool, from);
  return candidates;
}

function noSource({ name }: ToolRequest, tool: ToolDefinition, from: string | undefined): FlowError {
  const sources = Object.keys(tool).filter((key) => ["npm", "file", "go", "release", "system"].includes(key));
  return new FlowError("FLOW_TOOL_UNAVAILABLE", `${name} has no source "${from}"`, {
    hint: `it has: ${sources.join(", ")}`,
  });
}

interface Attempt {
  candidates: readonly Candidate[];
  control: StepControl;
}

/** An unreachable source gives way to the next one; a wrong hash never does. */
async function installFirst(
  ctx: FlowContext,
  request: ToolRequest,
  { candidates, control }: Attempt,
): Promise<Receipt> {
  const failures: FlowError[] = [];
  for (const [index, candidate] of candidates.entries()) {
    try {
      return await place(ctx, request, { candidate, control });
    } catch (error) {
      if (!isFlowError(error) || !isUnreachable(error)) throw error;
      failures.push(error);
      const next = candidates[index + 1];
      if (next !== undefined)
        warn(ctx, `${request.name}: ${error.message}; trying ${next.source === "go" ? "go build" : next.source}`);
    }
  }
  const [only] = failures;
  if (only !== undefined && failures.length === 1) throw only;
  throw new FlowError("FLOW_TOOL_UNAVAILABLE", `${request.name} cannot be had from any of its sources`, {
    cause: failures.map(({ message }) => message).join("\n"),
    hint: `check the network, or install Go; or put "release: {url, sums}" of a place you can reach into ${request.workspace.paths.file}`,
  });
}

function isUnreachable({ code }: FlowError): boolean {
  return ["FLOW_HTTP_FAILED", "FLOW_TIMEOUT", "FLOW_COMMAND_NOT_FOUND", "FLOW_TOOL_UNAVAILABLE"].includes(code);
}

interface Placing {
  candidate: Candidate;
  control: StepControl;
}

async function place(
  ctx: FlowContext,
  { name, workspace }: ToolRequest,
  { candidate, control }: Placing,
): Promise<Receipt> {
  const { paths } = workspace;
  const { version, source } = candidate;
  const payload = await choosePayload(paths, { name, version, source, identity: candidate.identity });
  const target = payloadDirectory(paths, { name, payload });
  await sweepStaging(target);
  let receipt: Receipt | undefined;
  await stageDirectory(
    target,
    async (staging) => {
      const { lock, ...filled } = await candidate.fill(staging, control);
      receipt = { name, version, source, payload, ...filled };
      const program = join(staging, receipt.program);
      await smokeRun(ctx, name, receipt.node ? [nodeProgram(ctx, workspace), program] : [program]);
      await writeReceipt(staging, receipt);
      if (lock !== undefined) await updateToolLock(paths, name, lock);
    },
    { replace: true },
  );
  if (receipt === undefined) throw new Error(`${name}: the payload was not filled`);
  return receipt;
}

/** The workspace's Node; that of the running flow while bootstrap has not brought it yet. */
function nodeProgram(ctx: FlowContext, { paths }: Workspace): string {
  const own = join(paths.bin, "node");
  return existsSync(own) ? own : ctx.installation.nodePath;
}
