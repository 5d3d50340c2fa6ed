import { mkdir, readFile, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import type { FlowContext } from "../../core/context.ts";
import { FlowError, isFlowError } from "../../core/errors.ts";
import type { StepControl } from "../../core/events.ts";
import { removeTree } from "../../core/files.ts";
import type { WorkspacePaths } from "../../core/paths.ts";
import { run } from "../../core/process.ts";
import { goEnvironment } from "../../vendoring/index.ts";
import { readToolLock } from "../lock-file.ts";
import { requireVersion } from "./release.ts";
import type { Candidate, Filled, ToolRequest } from "./source.ts";

/**
 * A Go main package, built at an exact version from the Go module proxy, its module's checksum held against tools-lock.json.
 * @throws FlowError FLOW_COMMAND_NOT_FOUND without Go, FLOW_TOOL_HASH, FLOW_TOOL_UNAVAILABLE
 */
export async function goCandidate(ctx: FlowContext, request: ToolRequest): Promise<Candidate> {
  const { name, tool, workspace } = request;
  const version = requireVersion(request);
  const locked = (await readToolLock(workspace.paths))[name];
  const lockedSum = locked?.version === version ? locked.go : undefined;
  return {
    version,
    source: "go",
    identity: lockedSum === undefined ? undefined : `go:${lockedSum}`,
    fill: async (staging, control) => {
      const build: Build = { name, main: tool.go ?? "", version, lockedSum, staging, control };
      return await buildProgram(ctx, workspace.paths, build);
    },
  };
}

interface Build {
  name: string;
  main: string;
  version: string;
  lockedSum: string | undefined;
  staging: string;
  control: StepControl;
}

async function buildProgram(ctx: FlowContext, paths: WorkspacePaths, build: Build): Promise<Filled> {
  const { name, main, version, lockedSum, staging, control } = build;
  const module = join(staging, "build");
  await mkdir(module);
  // `go install pkg@version` refuses modules with replace directives; an empty module that requires it does not mind.
  await writeFile(join(module, "go.mod"), "module flow.local/tool\n\ngo 1.21\n");
  const env = goEnvironment(ctx, join(paths.caches, "go"));
  const go = async (args: readonly string[], idleTimeoutMs: number) => {
    let lines = 0;
    await run(ctx, ["go", ...args], {
      cwd: module,
      env,
      idleTimeoutMs,
      onStderrLine: (line) => control.progress(line.replace(/^go: /, "").slice(0, 80), ++lines),
    });
  };
  try {
    control.progress("downloading modules");
    await go(["get", "-x", `${main}@v${version}`], 120_000);
    const sum = await moduleSum(join(module, "go.sum"), main, version);
    if (lockedSum !== undefined && sum !== lockedSum) {
      throw new FlowError("FLOW_TOOL_HASH", `${main} ${version} is ${sum}, and tools-lock.json says ${lockedSum}`, {
        hint: "the module was replaced where it comes from: do not use it",
      });
    }
    // A large package compiles for minutes without a word.
    await go(["build", "-v", "-trimpath", "-ldflags", "-s -w", "-o", join(staging, "bin", name), main], 900_000);
    await removeTree(module);
    return { identity: `go:${sum}`, program: join("bin", name), node: false, lock: { version, go: sum } };
  } catch (error) {
    if (!isFlowError(error, "FLOW_COMMAND_FAILED")) throw error;
    throw new FlowError("FLOW_TOOL_UNAVAILABLE", `${basename(main)} ${version} could not be built`, {
      cause: error.cause ?? error,
      hint: "check the network and GOPROXY, then run the command again: what was downloaded is kept",
    });
  }
}

/** `h1:…` of the module that holds a package: the longest module path in go.sum that the package's path begins with. */
async function moduleSum(file: string, main: string, version: string): Promise<string> {
  const modules = (await readFile(file, "utf8")).split("\n").flatMap((line) => {
    const [path, moduleVersion, sum] = line.split(" ");
    const holds = path !== undefined && (main === path || main.startsWith(`${path}/`));
    return holds && moduleVersion === `v${version}` && sum !== undefined ? [{ path, sum }] : [];
  });
  const found = modules.sort((a, b) => b.path.length - a.path.length)[0];
  if (found === undefined) throw new FlowError("FLOW_TOOL_HASH", `go.sum has no checksum of ${main} ${version}`);
  return found.sum;
}
