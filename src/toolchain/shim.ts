import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { writeIfChanged } from "../core/files.ts";
import type { WorkspacePaths } from "../core/paths.ts";
import { payloadDirectory, type Receipt } from "./receipt.ts";

/** Two lines that start a program: paths are absolute, so that the shim works from anywhere and through links. */
export function programShim(argv: readonly string[]): string {
  return `#!/bin/sh\nexec ${argv.map(quote).join(" ")} "$@"\n`;
}

function quote(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}

/** Writes `bin/<name>`, unless it says the same already. Returns whether it wrote. */
export async function writeShim(paths: WorkspacePaths, name: string, argv: readonly string[]): Promise<boolean> {
  return await writeIfChanged(join(paths.bin, name), programShim(argv), 0o755);
}

/** argv of an installed tool. */
export function toolArgv(paths: WorkspacePaths, receipt: Receipt): string[] {
  const program = join(payloadDirectory(paths, receipt.name, receipt.version), receipt.program);
  return receipt.node ? [join(paths.bin, "node"), program] : [program];
}

/** Whether `bin/<name>` starts exactly this payload. */
export async function isLinked(paths: WorkspacePaths, receipt: Receipt): Promise<boolean> {
  const text = await readFile(join(paths.bin, receipt.name), "utf8").catch(() => undefined);
  return text === programShim(toolArgv(paths, receipt));
}
