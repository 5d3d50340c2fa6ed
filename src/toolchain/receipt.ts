import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import type { WorkspacePaths } from "../core/paths.ts";
import { formatJson, readJson } from "../core/json.ts";
import { writeAtomic } from "../core/files.ts";

const schema = z.object({
  name: z.string(),
  version: z.string(),
  source: z.enum(["mirror", "release", "go"]),
  /** What exactly lies there: trees of the mirror, an archive's sha256, a module's sum. Another identity is another payload. */
  identity: z.string(),
  /** Path of the program inside the payload. */
  program: z.string(),
  /** Whether the workspace's Node runs it. */
  node: z.boolean(),
});

/** What a payload says about itself, in `.flow-tool.json`. */
export type Receipt = z.infer<typeof schema>;

const fileName = ".flow-tool.json";

export function payloadDirectory(paths: WorkspacePaths, name: string, version: string): string {
  return join(paths.tools, name, version);
}

export async function writeReceipt(directory: string, receipt: Receipt): Promise<void> {
  await writeAtomic(join(directory, fileName), formatJson(receipt));
}

export async function readReceipt(directory: string): Promise<Receipt | undefined> {
  const result = schema.safeParse(await readJson(join(directory, fileName)).catch(() => undefined));
  return result.success ? result.data : undefined;
}

/** Receipts of all installed versions of a tool. */
export async function readReceipts(paths: WorkspacePaths, name: string): Promise<Receipt[]> {
  const versions = await readdir(join(paths.tools, name)).catch(() => []);
  const receipts = await Promise.all(
    versions
      .filter((version) => !version.startsWith("."))
      .map((version) => readReceipt(join(paths.tools, name, version))),
  );
  return receipts.filter((receipt) => receipt !== undefined);
}
