import { existsSync } from "node:fs";
import { join } from "node:path";
import semver from "semver";
import type { Workspace } from "../../config/index.ts";
import type { FlowContext } from "../../core/context.ts";
import { FlowError } from "../../core/errors.ts";
import { skipStep, step } from "../../core/events.ts";
import { removeTree } from "../../core/files.ts";
import { withLock } from "../../core/lock.ts";
import { syncMirror } from "../../vendoring/index.ts";
import { explainDisk } from "../disk-full.ts";
import { placeFlow, smokeFlow, writeLauncher } from "../flow/payload.ts";
import {
  currentGeneration,
  dropDeadLinks,
  flowVersionOf,
  linkPrograms,
  listGenerations,
  nextGeneration,
  setParts,
  switchTo,
  type Generation,
} from "../generation/index.ts";
import { installTools, type InstalledTool } from "../install.ts";
import { bringNode, linkNode } from "../node/bring.ts";
import { bringCompanions } from "./companions.ts";
import { findUpdate, refuseDowngrade, trustedKeys, type UpdateRequest } from "./find.ts";
import type { FoundRelease } from "./sources/source.ts";
import { verifyRelease } from "./verify.ts";

export interface UpdateOptions extends UpdateRequest {
  /** Called when the mirror was brought up to date, before anything is switched. */
  onMirror?: () => Promise<void>;
  /** Adds sources to the mirror: the packages that a release from elsewhere was tested with. */
  addToMirror?: (specs: readonly string[]) => Promise<void>;
}

export interface UpdateResult {
  /** Null in a workspace that had none. */
  from: string | null;
  to: string;
  changed: boolean;
  tools: Pick<InstalledTool, "name" | "version">[];
}

/**
 * Moves the workspace to another flow, with the Node and the tools that it and the mirror pin. All is fetched, checked
 * and started beside what is in use; then one rename switches. Until then nothing that runs is touched, and a failure
 * or a kill leaves the old version working. Steps are `self-update.find`, `.fetch`, `.verify`, `.node`, `vendor.sync`,
 * `self-update.tools`, `.smoke` and `.switch`.
 * @throws FlowError FLOW_UPDATE_NONE, FLOW_UPDATE_REFUSED, FLOW_UPDATE_UNTRUSTED, FLOW_UPDATE_BAD_RELEASE,
 * FLOW_UPDATE_BROKEN, FLOW_DISK_FULL, and those of the mirror and the tools
 */
export async function selfUpdate(
  ctx: FlowContext,
  workspace: Workspace,
  options: UpdateOptions = {},
): Promise<UpdateResult> {
  return await exclusively(ctx, workspace, async () => {
    const target = await step(ctx, { id: "self-update.find", title: "Looking for a release" }, async ({ result }) => {
      const found = await findLocally(ctx, workspace, options);
      result(`flow ${found.release.version} from ${found.release.from}`);
      return found;
    });
    const { from, release } = target;
    if (from === release.version) return { from, to: from, changed: false, tools: [] };
    refuseDowngrade(target);
    const tools = await moveTo(ctx, workspace, { release, offline: target.offline, options });
    return {
      from: from ?? null,
      to: release.version,
      changed: true,
      tools: tools.map(({ name, version }) => ({ name, version })),
    };
  });
}

/** A version that is here already, whole and signed, needs no network. */
async function findLocally(ctx: FlowContext, workspace: Workspace, options: UpdateOptions) {
  const { paths, definition } = workspace;
  const to = options.to ?? definition.flow;
  const isHere = to !== undefined && semver.valid(to) === to && existsSync(join(paths.flow, to));
  if (isHere && (definition.flow ?? to) === to) {
    const trusted = await trustedKeys(workspace);
    const whole = await verifyRelease(join(paths.flow, to), { version: to, trusted }).catch(() => "refused");
    const fill = () => Promise.reject(new Error(`${paths.flow}/${to} was removed meanwhile`));
    if (whole === undefined) {
      const from = await flowVersionOf(await currentGeneration(paths));
      return { from, release: { version: to, from: paths.flow, fill }, named: true, offline: true };
    }
  }
  return { ...(await findUpdate(ctx, workspace, options)), offline: false };
}

interface Move {
  release: FoundRelease;
  offline: boolean;
  options: UpdateOptions;
}

async function moveTo(
  ctx: FlowContext,
  workspace: Workspace,
  { release, offline, options }: Move,
): Promise<InstalledTool[]> {
  const { paths } = workspace;
  const { version } = release;
  const trusted = await trustedKeys(workspace);
  const check = (directory: string) => verifyRelease(directory, { version, trusted });
  const root = await placeFlow(paths, {
    version,
    fill: (directory) =>
      step(ctx, { id: "self-update.fetch", title: `Fetching flow ${version}` }, () => release.fill(directory)),
    check: (directory) =>
      step(ctx, { id: "self-update.verify", title: "Checking its signature and files" }, () => check(directory)),
  });
  const node = await bringNode(ctx, paths, { root, step: "self-update.node" });
  if (offline) skipStep(ctx, { id: "vendor.sync", title: "Mirror", detail: "left as it is: the release was here" });
  else {
    await syncMirror(ctx, paths.mirror);
    await bringCompanions(ctx, workspace, { root, addToMirror: options.addToMirror });
    await options.onMirror?.();
  }
  const trial = { node: join(paths.node, node, "bin", "node"), root, version, home: paths.home };
  return await inNextGeneration(ctx, workspace, async (generation) => {
    await setParts(paths, generation, { flow: version, node });
    const tools = await step(ctx, { id: "self-update.tools", title: "Tools" }, async ({ result }) => {
      const installed = await installTools(ctx, workspace, [], { generation: generation.dir });
      result(`${installed.filter(({ changed }) => changed).length} renewed`);
      return installed;
    });
    await step(ctx, { id: "self-update.smoke", title: `Trying flow ${version}` }, () => smokeFlow(ctx, trial)).catch(
      async (error: unknown) => {
        if (!(await isReferred(paths, version, generation))) await removeTree(root);
        throw error;
      },
    );
    return tools;
  });
}

/** Whether any other generation holds this version of flow. */
async function isReferred(paths: Workspace["paths"], version: string, besides: Generation): Promise<boolean> {
  const others = (await listGenerations(paths)).filter(({ id }) => id !== besides.id);
  return (await Promise.all(others.map(flowVersionOf))).includes(version);
}

/** Fills a generation and switches to it; one that could not be filled goes away. */
async function inNextGeneration<T>(
  ctx: FlowContext,
  { paths }: Workspace,
  fill: (generation: Generation) => Promise<T>,
): Promise<T> {
  await dropUnused(paths);
  const generation = await nextGeneration(paths);
  let value: T;
  try {
    value = await fill(generation);
  } catch (error) {
    await removeTree(generation.dir);
    throw error;
  }
  await activate(ctx, paths, generation);
  return value;
}

/** Generations after the one in use: of an update that was killed, or one that was rolled back. Payloads stay. */
async function dropUnused(paths: Workspace["paths"]): Promise<void> {
  const current = await currentGeneration(paths);
  for (const { id, dir } of await listGenerations(paths)) {
    if (Number(id) > Number(current?.id ?? 0)) await removeTree(dir);
  }
}

async function activate(ctx: FlowContext, paths: Workspace["paths"], generation: Generation): Promise<void> {
  await step(ctx, { id: "self-update.switch", title: "Switching" }, async () => {
    await linkPrograms(paths, generation);
    await switchTo(paths, generation);
    await linkNode(paths);
    await writeLauncher(paths);
    await dropDeadLinks(paths);
  });
}

/**
 * Returns to the flow, Node and tools that were in use before the last update. Needs no network.
 * @throws FlowError FLOW_UPDATE_NONE when there is nothing to return to, FLOW_UPDATE_REFUSED against a pin, FLOW_UPDATE_BROKEN
 */
export async function rollBack(ctx: FlowContext, workspace: Workspace): Promise<UpdateResult> {
  return await exclusively(ctx, workspace, async () => {
    const { paths } = workspace;
    const { from, to, generation } = await findPrevious(workspace);
    await step(ctx, { id: "self-update.smoke", title: `Trying flow ${to}` }, () =>
      smokeFlow(ctx, {
        node: join(generation.dir, "node", "bin", "node"),
        root: join(paths.flow, to),
        version: to,
        home: paths.home,
      }),
    );
    await activate(ctx, paths, generation);
    return { from: from ?? null, to, changed: true, tools: [] };
  });
}

/** What {@link rollBack} would return to. */
export async function findPrevious({
  paths,
  definition,
}: Workspace): Promise<{ from: string | undefined; to: string; generation: Generation }> {
  const all = await listGenerations(paths);
  const current = await currentGeneration(paths);
  const generation = all.find(({ id }) => id === current?.previous);
  const from = await flowVersionOf(current);
  const to = await flowVersionOf(generation);
  if (generation === undefined || to === undefined || !existsSync(join(paths.flow, to))) {
    throw new FlowError("FLOW_UPDATE_NONE", "there is no earlier version to return to", {
      hint: "flow self-update --to VERSION takes any version that the team's source has",
    });
  }
  if (definition.flow !== undefined && definition.flow !== to) {
    throw new FlowError("FLOW_UPDATE_REFUSED", `this workspace pins flow ${definition.flow}, not ${to}`, {
      hint: `change "flow:" in ${paths.file} first`,
    });
  }
  return { from, to, generation };
}

async function exclusively<T>(ctx: FlowContext, { paths }: Workspace, work: () => Promise<T>): Promise<T> {
  try {
    return await withLock(ctx, join(paths.packages, ".update.lock"), { purpose: "updating flow" }, work);
  } catch (error) {
    throw explainDisk(error);
  }
}
