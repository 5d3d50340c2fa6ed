import { lstat, readFile } from "node:fs/promises";
import { join } from "node:path";
import { writeIfChanged } from "../core/files.ts";
import type { WorkspacePaths } from "../core/paths.ts";
import { linkProgram } from "./generation/index.ts";
import { payloadDirectory, type Receipt } from "./receipt.ts";

/** Two lines that start a program: paths are absolute, so that the shim works from anywhere and through links. */
export function programShim(argv: readonly string[]): string {
  return `#!/bin/sh\nexec ${argv.map(shellQuote).join(" ")} "$@"\n`;
}

export function shellQuote(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}

/** Makes a generation start this payload under the tool's name, and `bin/<name>` lead there. */
export async function linkTool(paths: WorkspacePaths, receipt: Receipt, generation: string): Promise<void> {
  const shim = programShim(toolArgv(paths, receipt));
  await writeIfChanged(join(generation, "bin", receipt.name), shim, 0o755);
  await linkProgram(paths, receipt.name);
}

/** argv of an installed tool. */
export function toolArgv(paths: WorkspacePaths, receipt: Receipt): string[] {
  const program = join(payloadDirectory(paths, receipt), receipt.program);
  return receipt.node ? [join(paths.bin, "node"), program] : [program];
}

/** Whether a generation starts exactly this payload, and `bin/<name>` leads there. */
export async function isLinked(
  paths: WorkspacePaths,
  receipt: Receipt,
  generation: string = paths.current,
): Promise<boolean> {
  const text = await readFile(join(generation, "bin", receipt.name), "utf8").catch(() => undefined);
  const link = await lstat(join(paths.bin, receipt.name)).catch(() => undefined);
  return link?.isSymbolicLink() === true && text === programShim(toolArgv(paths, receipt));
}
