import { accessSync, constants } from "node:fs";
import { chmod, mkdir, writeFile } from "node:fs/promises";
import { delimiter, join } from "node:path";
import semver from "semver";
import type { FlowContext } from "../../core/context.ts";
import { FlowError } from "../../core/errors.ts";
import { run } from "../../core/process.ts";
import { programShim } from "../shim.ts";
import type { Candidate, ToolRequest } from "./source.ts";

/**
 * A program that the machine brings, when its version is in the range that flow.yaml names.
 * @throws FlowError FLOW_TOOL_UNAVAILABLE when none on PATH is
 */
export async function systemCandidate(ctx: FlowContext, { name, tool, workspace }: ToolRequest): Promise<Candidate> {
  const range = tool.system ?? "*";
  const program = tool.bin ?? name;
  const seen: string[] = [];
  for (const path of onPath(ctx, program, workspace.paths.bin)) {
    const version = await versionOf(ctx, path);
    if (version === undefined || !semver.satisfies(version, range)) {
      seen.push(`${path} is ${version ?? "of an unknown version"}`);
      continue;
    }
    return {
      version,
      source: "system",
      identity: `system:${path}`,
      fill: async (staging) => {
        await mkdir(join(staging, "bin"));
        await writeFile(join(staging, "bin", name), programShim([path]));
        await chmod(join(staging, "bin", name), 0o755);
        return { identity: `system:${path}`, program: join("bin", name), node: false };
      },
    };
  }
  throw new FlowError("FLOW_TOOL_UNAVAILABLE", `there is no ${program} ${range} on PATH`, {
    ...(seen.length === 0 ? {} : { cause: seen.join("\n") }),
    hint: `install it on this machine, or give ${name} another source in ${workspace.paths.file}`,
  });
}

function onPath({ env }: FlowContext, program: string, own: string): string[] {
  const directories = (env.PATH ?? "").split(delimiter).filter((dir) => dir !== "" && dir !== own);
  return directories.map((dir) => join(dir, program)).filter(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** The first number with dots in what it says when asked; undefined for a program that says none. */
async function versionOf(ctx: FlowContext, path: string): Promise<string | undefined> {
  for (const question of ["--version", "-version", "version"]) {
    try {
      const { stdout, stderr } = await run(ctx, [path, question], { timeoutMs: 20_000 });
      const number = /\d+\.\d+(?:\.\d+)?/.exec(`${stdout}\n${stderr}`)?.[0];
      if (number !== undefined) return semver.coerce(number)?.version;
    } catch {
      ctx.signal.throwIfAborted();
    }
  }
  return undefined;
}
