import { existsSync } from "node:fs";
import { join } from "node:path";
import type { FlowContext } from "../../core/context.ts";
import { FlowError } from "../../core/errors.ts";
import { stageDirectory, sweepStaging, writeIfChanged } from "../../core/files.ts";
import type { WorkspacePaths } from "../../core/paths.ts";
import { run } from "../../core/process.ts";
import { programShim, shellQuote } from "../shim.ts";

export interface FlowPayload {
  version: string;
  fill(directory: string): Promise<void>;
  /** Refuses what must not run; asked before anything is in place, and of what was in place already. */
  check?(directory: string): Promise<void>;
}

/** Program of a flow's command line, below its root. */
const program = join("dist", "cli", "main.js");

/** A release in `pkg/flow/<version>`, whole or absent. What is there stays, unless `check` refuses it. */
export async function placeFlow(paths: WorkspacePaths, { version, fill, check }: FlowPayload): Promise<string> {
  const target = join(paths.flow, version);
  await sweepStaging(target);
  if (await isWhole(target, check)) return target;
  await stageDirectory(
    target,
    async (staging) => {
      await fill(staging);
      await check?.(staging);
      if (!existsSync(join(staging, program))) {
        throw new FlowError("FLOW_UPDATE_BAD_RELEASE", `flow ${version} holds no ${program}`, {
          hint: "it was not packed by scripts/release.ts or scripts/pack.ts",
        });
      }
    },
    { replace: true },
  );
  return target;
}

async function isWhole(directory: string, check: FlowPayload["check"]): Promise<boolean> {
  if (!existsSync(join(directory, program))) return false;
  try {
    await check?.(directory);
    return true;
  } catch {
    return false;
  }
}

/**
 * Starts a release with a Node as its users will: it must tell its version and read this workspace.
 * @throws FlowError FLOW_UPDATE_BROKEN
 */
export async function smokeFlow(
  ctx: FlowContext,
  { node, root, version, home }: { node: string; root: string; version: string; home: string },
): Promise<void> {
  const main = join(root, program);
  // The version that a workspace pins must not answer in its place.
  const env = { FLOW_IGNORE_PIN: "1" };
  try {
    const told = await run(ctx, [node, main, "--version"], { env, cwd: home, timeoutMs: 60_000 });
    if (told.stdout.trim() !== version) throw new Error(`it says it is ${told.stdout.trim()}`);
    await run(ctx, [node, main, "tool", "list", "--json"], { env, cwd: home, timeoutMs: 120_000 });
  } catch (error) {
    ctx.signal.throwIfAborted();
    throw new FlowError("FLOW_UPDATE_BROKEN", `flow ${version} does not work on this machine`, {
      cause: error,
      hint: "nothing was changed: the version that was in use still is",
    });
  }
}

/** `bin/flow`: straight to the flow in use, without the launcher's search for a Node. */
export async function writeLauncher(paths: WorkspacePaths): Promise<void> {
  const node = join(paths.bin, "node");
  const shim = programShim([node, join(paths.current, "flow", program)]);
  const hint = `[ -x ${shellQuote(node)} ] || { echo "flow: pkg/ is gone; bring it back: ${paths.home}/bootstrap.sh" >&2; exit 1; }\n`;
  await writeIfChanged(join(paths.bin, "flow"), shim.replace("\n", `\n${hint}`), 0o755);
}
