import { constants, existsSync } from "node:fs";
import { copyFile, link, mkdir } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import type { FlowContext } from "../../core/context.ts";
import { FlowError } from "../../core/errors.ts";
import { skipStep, step, type StepControl } from "../../core/events.ts";
import { ensureSymlink, stageDirectory, sweepStaging } from "../../core/files.ts";
import { cacheDirectory, type WorkspacePaths } from "../../core/paths.ts";
import { ensureGeneration, nodeVersionOf, setParts } from "../generation/index.ts";
import { readPin } from "../../core/pins.ts";
import { run } from "../../core/process.ts";
import { heldNode } from "./mirror.ts";

export interface NodeOptions {
  /** Root of the flow whose pinned Node is wanted. Default: the flow that runs. */
  root?: string;
  /** Id of the step. */
  step: string;
}

/** The pinned Node in `pkg/node/<version>`, whole or absent. Gives the version. */
export async function bringNode(ctx: FlowContext, paths: WorkspacePaths, options: NodeOptions): Promise<string> {
  const root = options.root ?? ctx.installation.root;
  const version = await readPin(root, "FLOW_NODE_VERSION");
  const target = join(paths.node, version);
  const described = { id: options.step, title: "Node" };
  if (existsSync(join(target, "bin", "node"))) {
    skipStep(ctx, { ...described, detail: version });
    return version;
  }
  await step(ctx, described, async (control) => {
    const source = await findNode(ctx, { version, root, control, held: heldNode(paths) });
    await sweepStaging(target);
    await stageDirectory(target, async (staging) => {
      const staged = join(staging, "bin", "node");
      await mkdir(dirname(staged));
      await linkOrCopy(source, staged);
      if ((await versionOf(ctx, staged)) !== version) throw unusable(source, version);
    });
    control.result(version);
  });
  return version;
}

/** The pinned Node as `bin/node`, for a workspace whose generation has none. */
export async function useNode(ctx: FlowContext, paths: WorkspacePaths, options: NodeOptions): Promise<void> {
  const generation = await ensureGeneration(paths);
  if (existsSync(join(generation.dir, "node", "bin", "node"))) {
    skipStep(ctx, { id: options.step, title: "Node", detail: await nodeVersionOf(generation) });
  } else {
    await setParts(paths, generation, { node: await bringNode(ctx, paths, options) });
  }
  await linkNode(paths);
}

/** `bin/node`, by way of the generation in use. */
export async function linkNode(paths: WorkspacePaths): Promise<void> {
  await ensureSymlink(join(relative(paths.bin, paths.current), "node", "bin", "node"), join(paths.bin, "node"));
}

interface Search {
  version: string;
  root: string;
  control: StepControl;
  /** Tarball in the mirror. */
  held: string | undefined;
}

/**
 * The cached Node, else the running one if it is exactly this version, else a new one by way of `bin/bring.sh`, which
 * takes the mirror's when that is the one.
 */
async function findNode(ctx: FlowContext, { version, root, control, held }: Search): Promise<string> {
  const { nodePath } = ctx.installation;
  const cached = join(cacheDirectory(ctx.env), "node", `${version}-${process.platform}-${process.arch}`, "bin", "node");
  if (existsSync(cached)) return cached;
  if ((await versionOf(ctx, nodePath)) === version && (await isSelfContained(ctx, nodePath))) return nodePath;
  const { stdout } = await run(ctx, ["sh", join(root, "bin", "bring.sh"), "node"], {
    ...(held === undefined ? {} : { env: { FLOW_NODE_ARCHIVE: held } }),
    onStderrLine: (line) => control.progress(line),
  });
  return stdout.trim();
}

/** A distribution's Node may need libraries beside it, and runs from nowhere else. */
async function isSelfContained(ctx: FlowContext, node: string): Promise<boolean> {
  const { stdout } = await run(ctx, [node, "-p", "process.config.variables.node_shared"], { okCodes: [0, 1] });
  return stdout.trim() === "false";
}

async function versionOf(ctx: FlowContext, node: string): Promise<string | undefined> {
  const { stdout, exitCode } = await run(ctx, [node, "--version"], { okCodes: [0, 1, 126, 127], timeoutMs: 20_000 });
  return exitCode === 0 ? stdout.trim().replace(/^v/, "") : undefined;
}

/** Another name for the cache's file costs no space; across file systems, and where links are forbidden, a copy. */
async function linkOrCopy(source: string, target: string): Promise<void> {
  try {
    await link(source, target);
  } catch {
    await copyFile(source, target, constants.COPYFILE_FICLONE);
  }
}

function unusable(source: string, version: string): FlowError {
  return new FlowError("FLOW_NODE_UNUSABLE", `${source} is not a working Node ${version}`, {
    hint: `remove it and run the command again: flow brings another`,
  });
}
