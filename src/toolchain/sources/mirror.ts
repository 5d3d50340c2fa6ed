import { existsSync } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import type { FlowContext } from "../../core/context.ts";
import { FlowError, isFlowError } from "../../core/errors.ts";
import { Git } from "../../core/git/index.ts";
import { readJson } from "../../core/json.ts";
import { bringTrees, npmClosure, openMirror, type Mirror } from "../../vendoring/index.ts";
import { exportTrees } from "../export-trees.ts";
import type { Candidate, ToolRequest } from "./source.ts";

/**
 * An npm package of the mirror with its closure, as committed there, patches included. Nothing else is looked at:
 * what the mirror does not hold cannot be installed.
 * @throws FlowError FLOW_TOOL_UNAVAILABLE
 */
export async function mirrorCandidate(ctx: FlowContext, { name, tool, workspace }: ToolRequest): Promise<Candidate> {
  const packageName = tool.npm ?? "";
  const mirror = await openMirror(ctx, workspace.paths.mirror);
  const closure = await npmClosure(mirror, packageName).catch((error: unknown) => {
    if (!isFlowError(error, "FLOW_VENDOR_NO_PREFIX")) throw error;
    throw new FlowError("FLOW_TOOL_UNAVAILABLE", `the mirror holds no ${packageName}, which ${name} comes from`, {
      hint: `add it: flow vendor add npm:${packageName}`,
    });
  });
  const [itself] = closure;
  // A release is a bundle that needs nothing beside it.
  const isRelease =
    itself !== undefined && mirror.manifest.prefixes[itself.prefix]?.source.startsWith("release:") === true;
  const packages = isRelease ? [itself] : closure;
  const version = itself?.version ?? "";
  if (tool.version !== undefined && tool.version !== version) {
    throw new FlowError(
      "FLOW_TOOL_UNAVAILABLE",
      `${name} is pinned to ${tool.version}, and the mirror holds ${version}`,
      {
        hint: `bring it into the mirror: flow vendor add npm:${packageName}@${tool.version}`,
      },
    );
  }
  const trees = await committedTrees(
    ctx,
    mirror,
    packages.map(({ prefix }) => prefix),
  );
  return {
    version,
    source: "mirror",
    identity: trees,
    fill: async (staging) => {
      await exportPackages(ctx, mirror, { packages, staging });
      const program = await programOf(join(staging, "node_modules", packageName), tool.bin ?? name);
      return {
        identity: trees,
        program: join("node_modules", packageName, program),
        node: await runsOnNode(join(staging, "node_modules", packageName, program)),
      };
    },
  };
}

/** The trees of prefixes at the mirror's head, as one text. */
export async function committedTrees(ctx: FlowContext, mirror: Mirror, prefixes: readonly string[]): Promise<string> {
  const lines = await new Git(ctx, mirror.dir).text(["ls-tree", "-z", "HEAD", "--", ...prefixes]);
  const hashes = lines
    .split("\0")
    .filter(Boolean)
    .map((line) => line.split(/[ \t]/)[2] ?? "");
  const { createHash } = await import("node:crypto");
  return `trees:${createHash("sha256").update(hashes.sort().join("\n")).digest("hex")}`;
}

interface Export {
  packages: readonly { name: string; prefix: string }[];
  staging: string;
}

/** Writes committed files below `staging/node_modules`. */
async function exportPackages(ctx: FlowContext, mirror: Mirror, { packages, staging }: Export): Promise<void> {
  // Nested packages come with the tree of the package around them.
  const outermost = packages.filter(
    ({ prefix }) => !packages.some((other) => other.prefix !== prefix && prefix.startsWith(`${other.prefix}/`)),
  );
  const trees = outermost.map(({ name, prefix }) => ({
    tree: `HEAD:${prefix}`,
    place: prefix.startsWith("node_modules/") ? prefix : `node_modules/${name}`,
  }));
  await bringTrees(
    ctx,
    mirror.dir,
    trees.map(({ tree }) => tree),
  );
  await exportTrees(new Git(ctx, mirror.dir), trees, staging);
}

/** Path of a program in a package: the value of `bin` under that name, or `bin` itself read as a path. */
async function programOf(directory: string, bin: string): Promise<string> {
  if (bin.includes("/")) {
    if (existsSync(join(directory, bin))) return bin;
    throw new FlowError("FLOW_TOOL_BROKEN", `${directory} holds no ${bin}`);
  }
  const manifest = (await readJson(join(directory, "package.json"))) as { name?: string; bin?: unknown } | undefined;
  const bins = manifest?.bin;
  const named =
    typeof bins === "string"
      ? { [manifest?.name?.split("/").at(-1) ?? ""]: bins }
      : ((bins ?? {}) as Record<string, string>);
  const program = named[bin];
  if (program !== undefined && existsSync(join(directory, program))) return program;
  throw new FlowError("FLOW_TOOL_BROKEN", `the package ${manifest?.name ?? directory} has no program "${bin}"`, {
    hint: `its programs are: ${Object.keys(named).join(", ") || "none"}. Name one as "bin" in flow.yaml`,
  });
}

/** Whether the workspace's Node runs a program: by its name, else by its first line. */
export async function runsOnNode(path: string): Promise<boolean> {
  if (/\.[cm]?js$/.test(path)) return true;
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(128), 0, 128, 0);
    return /^#!.*\bnode\b/.test(buffer.toString("latin1", 0, bytesRead).split("\n")[0] ?? "");
  } finally {
    await file.close();
  }
}
