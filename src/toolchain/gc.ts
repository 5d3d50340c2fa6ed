import { existsSync } from "node:fs";
import { lstat, readdir } from "node:fs/promises";
import { join } from "node:path";
import type { Workspace } from "../config/index.ts";
import type { FlowContext } from "../core/context.ts";
import { removeTree } from "../core/files.ts";
import { readJson } from "../core/json.ts";
import { withLock } from "../core/lock.ts";
import type { WorkspacePaths } from "../core/paths.ts";
import { unusedBuilds, type BuildPlace } from "../vendoring/index.ts";
import { isRunning, type ProcessIdentity } from "../core/proc.ts";
import {
  currentGeneration,
  flowVersionOf,
  listGenerations,
  nodeVersionOf,
  type Generation,
} from "./generation/index.ts";
import { payloadDirectory, readReceipts } from "./receipt.ts";
import { isLinked } from "./shim.ts";

export interface Garbage {
  path: string;
  bytes: number;
}

export interface GarbageOptions {
  dryRun?: boolean;
  /** Where builds of packages lie, to be looked through too. */
  builds?: BuildPlace;
}

/**
 * Removes what the workspace refers to no more: generations besides the one in use and the one before it, versions of
 * flow, Node and tools that neither holds, and builds for another Node or of packages that are built no more. The
 * version that flow.yaml pins stays, and while a run goes on, every flow, Node and build: it may be of any of them.
 */
export async function collectGarbage(
  ctx: FlowContext,
  workspace: Workspace,
  { dryRun = false, builds }: GarbageOptions = {},
): Promise<Garbage[]> {
  const { paths } = workspace;
  const purpose = "removing what nothing refers to";
  return await withLock(ctx, join(paths.packages, ".update.lock"), { purpose }, () =>
    withLock(ctx, join(paths.tools, ".lock"), { purpose }, async () => {
      const garbage = await findGarbage(ctx, workspace, builds);
      const measured = await Promise.all(garbage.map(async (path) => ({ path, bytes: await sizeOf(path) })));
      if (!dryRun) for (const { path } of measured) await removeTree(path);
      return measured;
    }),
  );
}

async function findGarbage(
  ctx: FlowContext,
  { paths, definition }: Workspace,
  place: BuildPlace | undefined,
): Promise<string[]> {
  const current = await currentGeneration(paths);
  const all = await listGenerations(paths);
  const kept = all.filter(({ id }) => id === current?.id || id === current?.previous);
  const generations = all.filter((generation) => !kept.includes(generation)).map(({ dir }) => dir);
  const tools = await unlinkedPayloads(paths, kept);
  if (await isRunGoingOn(paths)) return [...generations, ...tools];
  const flows = [definition.flow, ...(await Promise.all(kept.map(flowVersionOf)))];
  const nodes = await Promise.all(kept.map((generation) => nodeVersionOf(generation).catch(() => undefined)));
  const programs = kept.map(({ dir }) => join(dir, "node", "bin", "node")).filter((program) => existsSync(program));
  const builds = place === undefined ? [] : await unusedBuilds(ctx, paths.mirror, { place, nodes: programs });
  const versions = [...(await others(paths.flow, flows)), ...(await others(paths.node, nodes))];
  return [...generations, ...versions, ...builds, ...tools];
}

async function others(directory: string, kept: readonly (string | undefined)[]): Promise<string[]> {
  const names = await readdir(directory).catch(() => []);
  return names.filter((name) => !name.startsWith(".") && !kept.includes(name)).map((name) => join(directory, name));
}

async function unlinkedPayloads(paths: WorkspacePaths, kept: readonly Generation[]): Promise<string[]> {
  const names = (await readdir(paths.tools).catch(() => [])).filter((name) => !name.startsWith("."));
  const found = await Promise.all(
    names.map(async (name) => {
      const receipts = await readReceipts(paths, name);
      const linked = await Promise.all(
        receipts.map(async (receipt) => {
          const links = await Promise.all(kept.map(({ dir }) => isLinked(paths, receipt, dir)));
          return links.includes(true);
        }),
      );
      const garbage = receipts.filter((_receipt, index) => linked[index] === false);
      // The directory goes with the last of what it holds.
      return garbage.length === receipts.length
        ? [join(paths.tools, name)]
        : garbage.map((receipt) => payloadDirectory(paths, receipt));
    }),
  );
  return found.flat();
}

/** Whether `flow run` has a living supervisor here (src/runner/supervisor/run-file.ts). */
async function isRunGoingOn(paths: WorkspacePaths): Promise<boolean> {
  const run = (await readJson(join(paths.run, "run.json")).catch(() => undefined)) as
    | { supervisor?: ProcessIdentity }
    | undefined;
  return run?.supervisor !== undefined && isRunning(run.supervisor);
}

async function sizeOf(path: string): Promise<number> {
  const stat = await lstat(path);
  if (!stat.isDirectory()) return stat.size;
  const entries = await readdir(path, { recursive: true, withFileTypes: true });
  const sizes = await Promise.all(
    entries
      .filter((entry) => entry.isFile())
      .map(async (entry) => (await lstat(join(entry.parentPath, entry.name))).size),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}
