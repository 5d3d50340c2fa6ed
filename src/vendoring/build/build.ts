import { existsSync } from "node:fs";
import { mkdir, rm } from "node:fs/promises";
import { delimiter, join } from "node:path";
import type { VendorDefinition } from "../../config/index.ts";
import type { FlowContext } from "../../core/context.ts";
import { FlowError, isFlowError } from "../../core/errors.ts";
import { step, warn } from "../../core/events.ts";
import { removeTree, stageDirectory, sweepStaging, writeAtomic } from "../../core/files.ts";
import { Git } from "../../core/git/index.ts";
import { formatJson, readJson } from "../../core/json.ts";
import { withLock } from "../../core/lock.ts";
import { run } from "../../core/process.ts";
import type { Mirror } from "../types.ts";
import { describeNode, findHeaders, makePrograms, networkless, type TargetNode } from "./surroundings.ts";
import { buildUnits, type BuildStep, type BuildUnit } from "./units.ts";

export interface BuildPlace {
  /** Directory of all builds, `pkg/builds`. Node's lookup from below it must reach the mirror's packages. */
  directory: string;
  node: string;
  definition: VendorDefinition;
}

export interface Built {
  name: string;
  prefix: string;
  /** Absolute; what services import. */
  dir: string;
  /** Whether commands ran in it; false for one that is copied because it depends on such a one. */
  built: boolean;
  /** False when it was there already. */
  changed: boolean;
}

const receiptFile = ".flow-build.json";

/**
 * Builds what flow.yaml allows, each in a copy below `<directory>/<name>/<Node ABI>/<platform>`, without network and
 * without anything of the person's environment. The mirror is not touched.
 * @throws FlowError FLOW_VENDOR_BUILD with what the script said, FLOW_VENDOR_NO_PREFIX, FLOW_CONFIG_INVALID
 */
export async function buildPackages(
  ctx: FlowContext,
  mirror: Mirror,
  { place, force = false, dryRun = false }: { place: BuildPlace; force?: boolean; dryRun?: boolean },
): Promise<Built[]> {
  const git = new Git(ctx, mirror.dir);
  const units = await buildUnits(git, mirror, place.definition);
  if (units.length === 0) return [];
  const node = await describeNode(ctx, place.node);
  return await withLock(ctx, join(place.directory, ".lock"), { purpose: "building packages" }, async () => {
    const results: Built[] = [];
    const stale: BuildUnit[] = [];
    for (const unit of units) {
      const dir = directoryOf(place, unit, node);
      const changed = force || !(await isCurrent(dir, unit, node));
      if (changed) stale.push(unit);
      results.push({ name: unit.name, prefix: unit.prefix, dir, built: unit.steps.length > 0, changed });
    }
    if (dryRun || stale.length === 0) return results;
    const around = await surround(ctx, mirror, { place, node });
    try {
      for (const unit of stale) {
        const title = unit.steps.length > 0 ? `Building ${unit.name}` : `Copying ${unit.name}`;
        await step(ctx, { id: `vendor.build.${unit.name}`, title }, ({ progress }) =>
          build(ctx, git, { unit, dir: directoryOf(place, unit, node), around, onLine: progress }),
        );
      }
    } finally {
      await removeTree(around.scratch);
    }
    return results;
  });
}

/** Where services find what was built, by name: of current builds only. */
export async function builtPackages(ctx: FlowContext, mirror: Mirror, place: BuildPlace): Promise<Map<string, string>> {
  const units = await buildUnits(new Git(ctx, mirror.dir), mirror, place.definition).catch((error: unknown) => {
    if (isFlowError(error, "FLOW_VENDOR_NO_PREFIX")) return [];
    throw error;
  });
  const found = new Map<string, string>();
  if (units.length === 0) return found;
  const node = await describeNode(ctx, place.node);
  for (const unit of units) {
    const dir = directoryOf(place, unit, node);
    if (await isCurrent(dir, unit, node)) found.set(unit.name, dir);
  }
  return found;
}

function directoryOf({ directory }: BuildPlace, { name }: BuildUnit, { abi, platform }: TargetNode): string {
  return join(directory, name, abi, platform);
}

async function isCurrent(dir: string, { identity }: BuildUnit, { version }: TargetNode): Promise<boolean> {
  const receipt = (await readJson(join(dir, receiptFile)).catch(() => undefined)) as
    | { identity?: string; node?: string }
    | undefined;
  return receipt?.identity === identity && receipt.node === version;
}

interface Surroundings {
  node: TargetNode;
  /** Programs, home and temporary files of the scripts. */
  scratch: string;
  /** Starts a program without network; empty where this machine cannot. */
  prefix: readonly string[];
  headers: string | undefined;
}

async function surround(
  ctx: FlowContext,
  mirror: Mirror,
  { place, node }: { place: BuildPlace; node: TargetNode },
): Promise<Surroundings> {
  const scratch = join(place.directory, ".scratch");
  await removeTree(scratch);
  await mkdir(join(scratch, "home"), { recursive: true });
  await makePrograms(mirror, node, join(scratch, "bin"));
  const prefix = await networkless(ctx);
  if (prefix === undefined)
    warn(ctx, "this machine cannot take the network away from a process: builds are only told that there is none");
  return { node, scratch, prefix: prefix ?? [], headers: await findHeaders(node, place.definition.nodeHeaders) };
}

interface Building {
  unit: BuildUnit;
  dir: string;
  around: Surroundings;
  onLine: (line: string) => void;
}

async function build(ctx: FlowContext, git: Git, { unit, dir, around, onLine }: Building): Promise<void> {
  await sweepStaging(dir);
  await stageDirectory(
    dir,
    async (staging) => {
      await exportTree(git, unit.prefix, { staging, index: join(around.scratch, "index") });
      for (const item of unit.steps) {
        for (const command of item.commands)
          await runCommand(ctx, { item, command, cwd: join(staging, item.directory), around, onLine });
      }
      await writeAtomic(join(staging, receiptFile), formatJson({ identity: unit.identity, node: around.node.version }));
    },
    { replace: true },
  );
}

/** Writes what is committed below a prefix, nested prefixes too. */
async function exportTree(
  git: Git,
  prefix: string,
  { staging, index }: { staging: string; index: string },
): Promise<void> {
  const env = { GIT_INDEX_FILE: index };
  try {
    await git.run(["read-tree", `HEAD:${prefix}`], { env });
    await git.run(["checkout-index", "--all", "--force", `--prefix=${staging}/`], { env });
  } finally {
    await rm(index, { force: true });
  }
}

interface Command {
  item: BuildStep;
  command: string | readonly string[];
  cwd: string;
  around: Surroundings;
  onLine: (line: string) => void;
}

async function runCommand(ctx: FlowContext, { item, command, cwd, around, onLine }: Command): Promise<void> {
  const { node, scratch, prefix, headers } = around;
  // A script of a package is a line for a shell, as its author wrote it.
  const argv = typeof command === "string" ? ["/bin/sh", "-c", command] : command;
  const path = [join(scratch, "bin"), ctx.env.PATH ?? "/usr/bin:/bin"].join(delimiter);
  try {
    await run(ctx, [...prefix, ...argv] as unknown as [string, ...string[]], {
      cwd,
      exactEnv: {
        PATH: path,
        HOME: join(scratch, "home"),
        LANG: "C.UTF-8",
        TMPDIR: ctx.env.TMPDIR,
        ...Object.fromEntries(
          ["CC", "CXX", "MAKE", "PYTHON", "CFLAGS", "CXXFLAGS", "LDFLAGS"].map((name) => [name, ctx.env[name]]),
        ),
        // Python would leave its caches beside node-gyp, in the mirror.
        PYTHONDONTWRITEBYTECODE: "1",
        npm_package_name: item.name,
        npm_package_version: item.version,
        npm_node_execpath: node.program,
        npm_config_build_from_source: "true",
        npm_config_offline: "true",
        npm_config_nodedir: headers,
        // A dead end for programs that honour it, where the network cannot be taken away.
        ...(prefix.length > 0 ? {} : { HTTP_PROXY: "http://127.0.0.1:9", HTTPS_PROXY: "http://127.0.0.1:9" }),
      },
      idleTimeoutMs: 900_000,
      onStderrLine: (line) => onLine(line.slice(0, 80)),
    });
  } catch (error) {
    if (!isFlowError(error) || !["FLOW_COMMAND_FAILED", "FLOW_COMMAND_NOT_FOUND"].includes(error.code)) throw error;
    const needsHeaders = headers === undefined && existsSync(join(cwd, "binding.gyp"));
    throw new FlowError("FLOW_VENDOR_BUILD", `${item.name} ${item.version} could not be built`, {
      cause: error.cause ?? error,
      hint: needsHeaders
        ? `it is native code, and there are no headers of Node ${node.version} (ABI ${node.abi}) here: unpack them, name their directory as vendor.nodeHeaders in flow.yaml, add npm:node-gyp to the mirror, and run flow vendor build`
        : "builds have no network and see the mirror's programs and this machine's compilers only; mend it and run flow vendor build",
    });
  }
}
