import { existsSync } from "node:fs";
import { chmod, mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import type { FlowContext } from "../../core/context.ts";
import { FlowError } from "../../core/errors.ts";
import { readJson } from "../../core/json.ts";
import { run } from "../../core/process.ts";
import type { Mirror } from "../types.ts";

/** The Node that builds are made for. */
export interface TargetNode {
  program: string;
  /** `process.versions.modules`: what native code is compiled against. */
  abi: string;
  version: string;
  /** `linux-x64` */
  platform: string;
}

export async function describeNode(ctx: FlowContext, program: string): Promise<TargetNode> {
  const question =
    "JSON.stringify([process.versions.modules, process.versions.node, `${process.platform}-${process.arch}`])";
  const { stdout } = await run(ctx, [program, "-p", question], { timeoutMs: 20_000 });
  const [abi = "", version = "", platform = ""] = JSON.parse(stdout) as string[];
  return { program, abi, version, platform };
}

/**
 * The directory that node-gyp takes as `nodedir`; undefined where there are no headers.
 * @throws FlowError FLOW_CONFIG_INVALID when those that flow.yaml names are none, or another Node's
 */
export async function findHeaders(node: TargetNode, named: string | undefined): Promise<string | undefined> {
  const beside = resolve(dirname(node.program), "..");
  for (const dir of named === undefined ? [beside, "/usr"] : [named]) {
    const text = await readFile(join(dir, "include/node/node_version.h"), "utf8").catch(() => "");
    const abi = /^#define NODE_MODULE_VERSION (\d+)$/m.exec(text)?.[1];
    if (abi === node.abi) return dir;
    if (named === undefined) continue;
    throw new FlowError(
      "FLOW_CONFIG_INVALID",
      `vendor.nodeHeaders in flow.yaml is ${named}, whose include/node ${abi === undefined ? "does not exist" : `is for ABI ${abi}`}`,
      { hint: `the workspace's Node is ${node.version}, ABI ${node.abi}: take the headers of a Node with that ABI` },
    );
  }
  return undefined;
}

/** Programs that scripts of packages may call: those of every package at the top of the mirror, and Node itself. */
export async function makePrograms(mirror: Mirror, node: TargetNode, directory: string): Promise<void> {
  await mkdir(directory, { recursive: true });
  await writeProgram(join(directory, "node"), [node.program]);
  for (const prefix of Object.keys(mirror.manifest.prefixes)) {
    if (prefix.lastIndexOf("node_modules/") > 0) continue;
    const manifest = (await readJson(join(mirror.dir, prefix, "package.json")).catch(() => undefined)) as
      | { name?: string; bin?: string | Record<string, string> }
      | undefined;
    const { name = "", bin = {} } = manifest ?? {};
    for (const [command, path] of Object.entries(
      typeof bin === "string" ? { [name.split("/").at(-1) ?? ""]: bin } : bin,
    )) {
      const target = join(mirror.dir, prefix, path);
      if (!/^[\w.-]+$/.test(command) || command === "node" || !existsSync(target)) continue;
      await writeProgram(join(directory, command), await interpreted(target, node));
    }
  }
}

async function interpreted(path: string, node: TargetNode): Promise<string[]> {
  const start = (await readFile(path)).subarray(0, 128).toString("latin1");
  return /\.[cm]?js$/.test(path) || /^#!.*\bnode\b/.test(start.split("\n")[0] ?? "") ? [node.program, path] : [path];
}

async function writeProgram(path: string, argv: readonly string[]): Promise<void> {
  const words = argv.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(" ");
  await writeFile(path, `#!/bin/sh\nexec ${words} "$@"\n`);
  await chmod(path, 0o755);
}

/**
 * What starts a program without network: a network namespace of its own with nothing in it (Linux), or a
 * sandbox (macOS). Undefined where the machine has no such thing.
 */
export async function networkless(ctx: FlowContext): Promise<readonly string[] | undefined> {
  const ways: [string, ...string[]][] = [
    ["unshare", "--user", "--map-root-user", "--net", "--"],
    ["sandbox-exec", "-p", "(version 1)(allow default)(deny network*)"],
  ];
  for (const way of ways) {
    const works = await run(ctx, [...way, "true"]).then(
      () => true,
      () => false,
    );
    if (works) return way;
  }
  return undefined;
}
