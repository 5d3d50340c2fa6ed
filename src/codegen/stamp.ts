import { createHash } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import type { FlowContext } from "../core/context.ts";
import { writeAtomic } from "../core/files.ts";
import { formatJson } from "../core/json.ts";
import { modulesOf } from "./assemble.ts";
import type { IndexedMethod } from "./method-index.ts";
import type { CodegenScope } from "./scope.ts";
import type { CodegenTools } from "./tools.ts";

/** What the last complete generation was made from and gave. */
export interface Stamp {
  /** SHA-256 over all protos, tools and package names. */
  inputs: string;
  /** SHA-256 of every generated file by its absolute path. */
  outputs: Record<string, string>;
  methods: readonly IndexedMethod[];
}

function stampFile(scope: CodegenScope): string {
  return join(scope.stateDir, "stamp.json");
}

/** Undefined when nothing was generated yet, or the file is damaged: then everything is generated anew. */
export async function readStamp(scope: CodegenScope): Promise<Stamp | undefined> {
  try {
    return JSON.parse(await readFile(stampFile(scope), "utf8")) as Stamp;
  } catch {
    return undefined;
  }
}

export async function writeStamp(scope: CodegenScope, stamp: Stamp): Promise<void> {
  await writeAtomic(stampFile(scope), formatJson(stamp));
}

/** Hash of everything that the generated code depends on. */
export async function hashInputs(ctx: FlowContext, scope: CodegenScope, tools: CodegenTools): Promise<string> {
  const rows = [
    `flow ${ctx.installation.version}`,
    ...(await Promise.all(Object.values(tools).flat().map(describeTool))),
    ...scope.repositories.map(({ name, dir, packageName }) => `repository ${name} ${dir} ${packageName ?? ""}`),
  ];
  for (const { name, dir, files } of modulesOf(scope)) {
    const hashes = await Promise.all(files.map((file) => hashFile(join(dir, file))));
    rows.push(`module ${name} ${dir}`, ...files.map((file, index) => `${file} ${hashes[index]}`));
  }
  return sha256(rows.join("\n"));
}

/** Whether every recorded output is still there, byte for byte. */
export async function outputsIntact({ outputs }: Stamp): Promise<boolean> {
  const checks = Object.entries(outputs).map(async ([path, hash]) => (await hashFile(path)) === hash);
  return (await Promise.all(checks)).every(Boolean);
}

/** A tool counts as another one when its file is. Words that are no file (flags) count as they are. */
async function describeTool(word: string): Promise<string> {
  const file = await stat(word).catch(() => undefined);
  return `tool ${word} ${file?.size ?? ""} ${file?.mtimeMs ?? ""}`;
}

/** SHA-256 of a file; undefined when it cannot be read. */
export async function hashFile(path: string): Promise<string | undefined> {
  const bytes = await readFile(path).catch(() => undefined);
  return bytes === undefined ? undefined : sha256(bytes);
}

export function sha256(content: string | Uint8Array): string {
  return createHash("sha256").update(content).digest("hex");
}
