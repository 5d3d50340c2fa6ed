import { createHash } from "node:crypto";
import { readdir } from "node:fs/promises";
import { basename, join } from "node:path";
import { z } from "zod";
import type { WorkspacePaths } from "../core/paths.ts";
import { formatJson, readJson } from "../core/json.ts";
import { writeAtomic } from "../core/files.ts";

const schema = z.object({
  name: z.string(),
  version: z.string(),
  source: z.enum(["mirror", "flow", "release", "go", "system"]),
  /** What exactly lies there: trees of the mirror, an archive's sha256, a module's sum. Another identity is another payload. */
  identity: z.string(),
  /** Path of the program inside the payload. */
  program: z.string(),
  /** Whether the workspace's Node runs it. */
  node: z.boolean(),
});

type Written = z.infer<typeof schema>;

/** What a payload says about itself, in `.flow-tool.json`, and where it lies. */
export interface Receipt extends Written {
  /** Name of its directory: the version, or for other content under a version that was there already, more. */
  payload: string;
}

const fileName = ".flow-tool.json";

export function payloadDirectory(paths: WorkspacePaths, { name, payload }: Pick<Receipt, "name" | "payload">): string {
  return join(paths.tools, name, payload);
}

/**
 * The directory for new content of a version. What lies there already is never replaced: it may run, and an update
 * may be rolled back to it.
 */
export async function choosePayload(
  paths: WorkspacePaths,
  { name, version, source, identity }: Pick<Receipt, "name" | "version" | "source"> & { identity: string | undefined },
): Promise<string> {
  const there = await readReceipt(join(paths.tools, name, version));
  if (there === undefined || (there.source === source && there.identity === identity)) return version;
  const mark = createHash("sha256").update(`${source} ${identity}`).digest("hex").slice(0, 8);
  return `${version}+${mark}`;
}

export async function writeReceipt(directory: string, receipt: Omit<Receipt, "payload">): Promise<void> {
  await writeAtomic(join(directory, fileName), formatJson(schema.parse(receipt)));
}

export async function readReceipt(directory: string): Promise<Receipt | undefined> {
  const result = schema.safeParse(await readJson(join(directory, fileName)).catch(() => undefined));
  return result.success ? { ...result.data, payload: basename(directory) } : undefined;
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
