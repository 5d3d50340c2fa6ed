import { mkdir } from "node:fs/promises";
import { basename, join } from "node:path";
import type { FlowContext } from "../../core/context.ts";
import { FlowError, isFlowError } from "../../core/errors.ts";
import type { StepControl } from "../../core/events.ts";
import { removeTree } from "../../core/files.ts";
import { Git } from "../../core/git/index.ts";
import { run } from "../../core/process.ts";
import {
  bringTrees,
  goEnvironment,
  heldModules,
  moduleOf,
  openMirror,
  type HeldModule,
  type Mirror,
} from "../../vendoring/index.ts";
import { committedTrees } from "./mirror.ts";
import type { Candidate, Filled, ToolRequest } from "./source.ts";

/**
 * A Go main package out of the mirror: of what is committed there, patches included, with the network blocked.
 * Undefined when the mirror holds no module that has it.
 * @throws FlowError FLOW_TOOL_UNAVAILABLE when the mirror holds another version than flow.yaml pins
 */
export async function goMirrorCandidate(ctx: FlowContext, request: ToolRequest): Promise<Candidate | undefined> {
  const { name, tool, workspace } = request;
  const main = tool.go ?? "";
  const mirror = await openMirror(ctx, workspace.paths.mirror);
  const modules = await heldModules(ctx, mirror);
  const path = moduleOf(
    main,
    modules.map(({ module }) => module),
  );
  const holding = modules.find(({ module }) => module === path);
  if (holding === undefined) return undefined;
  const version = (holding.version ?? mirror.manifest.prefixes[holding.prefix]?.ref ?? "").replace(/^v/, "");
  if (tool.version !== undefined && tool.version !== version) {
    throw new FlowError(
      "FLOW_TOOL_UNAVAILABLE",
      `${name} is pinned to ${tool.version}, and the mirror holds ${holding.module} ${version}`,
      { hint: `bring it into the mirror: flow vendor add go:${holding.module}@v${tool.version}` },
    );
  }
  const identity = await committedTrees(ctx, mirror, ["go.mod", ...modules.map(({ prefix }) => prefix)]);
  return {
    version,
    source: "mirror",
    identity,
    fill: async (staging, control) => {
      const build = join(staging, "build");
      await bringTrees(
        ctx,
        mirror.dir,
        modules.map(({ prefix }) => `HEAD:${prefix}`),
      );
      await exportModules(ctx, mirror, { modules, target: build });
      await compile(ctx, request, { build, output: join(staging, "bin", name), control });
      await removeTree(build);
      return { identity, program: join("bin", name), node: false } satisfies Filled;
    },
  };
}

/** Writes the modules and go.mod as they are committed, through an index of its own. */
async function exportModules(
  ctx: FlowContext,
  mirror: Mirror,
  { modules, target }: { modules: readonly HeldModule[]; target: string },
): Promise<void> {
  const git = new Git(ctx, mirror.dir);
  await mkdir(target, { recursive: true });
  const env = { GIT_INDEX_FILE: `${target}.index` };
  try {
    const prefixes = modules.map(({ prefix }) => prefix);
    const files = await git.bytes([
      "--literal-pathspecs",
      "ls-tree",
      "-r",
      "-z",
      "--name-only",
      "HEAD",
      "--",
      "go.mod",
      ...prefixes,
    ]);
    await git.run(["read-tree", "HEAD"], { env });
    await git.run(["checkout-index", "-z", "--stdin", "--force", `--prefix=${target}/`], { env, input: files });
  } finally {
    await removeTree(`${target}.index`);
  }
}

async function compile(
  ctx: FlowContext,
  { name, tool, workspace }: ToolRequest,
  { build, output, control }: { build: string; output: string; control: StepControl },
): Promise<void> {
  let lines = 0;
  try {
    await run(ctx, ["go", "build", "-v", "-trimpath", "-ldflags", "-s -w", "-o", output, tool.go ?? ""], {
      cwd: build,
      env: {
        ...goEnvironment(ctx, join(workspace.paths.caches, "go")),
        // Every module is replaced by a directory: nothing is to be fetched, and go.mod stays as it is.
        GOFLAGS: "-mod=readonly -buildvcs=false",
        GOPROXY: "off",
      },
      // A large package compiles for minutes without a word.
      idleTimeoutMs: 900_000,
      onStderrLine: (line) => control.progress(line.slice(0, 80), ++lines),
    });
  } catch (error) {
    if (!isFlowError(error, "FLOW_COMMAND_FAILED")) throw error;
    throw new FlowError("FLOW_TOOL_UNAVAILABLE", `${basename(name)} could not be built from the mirror`, {
      cause: error.cause ?? error,
      hint: `is the mirror whole? flow vendor verify tells. Where it does not compile with the versions that others in the mirror require, flow vendor remove MODULE: flow tool install ${name} then builds it with versions of its own`,
    });
  }
}
