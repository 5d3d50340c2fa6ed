import { constants, existsSync } from "node:fs";
import { copyFile, link, mkdir } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import type { Workspace } from "../../config/index.ts";
import type { FlowContext } from "../../core/context.ts";
import { FlowError } from "../../core/errors.ts";
import { skipStep, step, type StepControl } from "../../core/events.ts";
import { ensureSymlink, stageDirectory, sweepStaging } from "../../core/files.ts";
import { cacheDirectory } from "../../core/paths.ts";
import { run } from "../../core/process.ts";
import { readPin } from "../pins.ts";

/** The workspace's own Node in `pkg/node/<version>`, linked as `bin/node`. */
export async function bringNode(ctx: FlowContext, { paths }: Workspace): Promise<void> {
  const version = await readPin(ctx.installation, "FLOW_NODE_VERSION");
  const target = join(paths.node, version);
  const program = join(target, "bin", "node");
  const described = { id: "bootstrap.node", title: "Node" };
  if (existsSync(program)) {
    skipStep(ctx, { ...described, detail: version });
  } else {
    await step(ctx, described, async (control) => {
      const source = await findNode(ctx, version, control);
      await sweepStaging(target);
      await stageDirectory(target, async (staging) => {
        const staged = join(staging, "bin", "node");
        await mkdir(dirname(staged));
        await linkOrCopy(source, staged);
        if ((await versionOf(ctx, staged)) !== version) throw unusable(source, version);
      });
      control.result(version);
    });
  }
  await ensureSymlink(relative(paths.bin, program), join(paths.bin, "node"));
}

/** The cached Node, else the running one if it is exactly this version, else a new one by way of `bin/bring.sh`. */
async function findNode(ctx: FlowContext, version: string, control: StepControl): Promise<string> {
  const { nodePath, root } = ctx.installation;
  const cached = join(cacheDirectory(ctx.env), "node", `${version}-${process.platform}-${process.arch}`, "bin", "node");
  if (existsSync(cached)) return cached;
  if ((await versionOf(ctx, nodePath)) === version && (await isSelfContained(ctx, nodePath))) return nodePath;
  const { stdout } = await run(ctx, ["sh", join(root, "bin", "bring.sh"), "node"], {
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
