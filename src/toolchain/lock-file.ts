import { join } from "node:path";
import { z } from "zod";
import { FlowError } from "../core/errors.ts";
import { writeIfChanged } from "../core/files.ts";
import { formatJson, readJson } from "../core/json.ts";
import type { WorkspacePaths } from "../core/paths.ts";

const entry = z.strictObject({
  version: z.string(),
  /** SHA-256 of the release archive by platform. */
  sha256: z.record(z.string(), z.string()).optional(),
  /** The Go module's own checksum, as go.sum has it. */
  go: z.string().optional(),
});

const schema = z.record(z.string(), entry);

/** What downloads must be, by tool: `tools-lock.json` in the workspace, committed. */
export type ToolLock = z.infer<typeof schema>;
export type ToolLockEntry = z.infer<typeof entry>;

export function lockFilePath(paths: WorkspacePaths): string {
  return join(paths.home, "tools-lock.json");
}

/** @throws FlowError FLOW_CONFIG_INVALID */
export async function readToolLock(paths: WorkspacePaths): Promise<ToolLock> {
  const path = lockFilePath(paths);
  const result = schema.safeParse((await readJson(path)) ?? {});
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  throw new FlowError("FLOW_CONFIG_INVALID", `${path}: ${issue?.path.join(".")}: ${issue?.message}`, {
    hint: "take the file back from git",
  });
}

/** Tools install side by side in one process; their entries are written one after the other. */
let writing: Promise<unknown> = Promise.resolve();

/** Adds what was learnt of one version; another version starts anew. The caller holds the tools' lock. */
export async function updateToolLock(paths: WorkspacePaths, name: string, learnt: ToolLockEntry): Promise<void> {
  await change(paths, (lock) => {
    const old = lock[name]?.version === learnt.version ? lock[name] : undefined;
    const sha256 = { ...old?.sha256, ...learnt.sha256 };
    const go = learnt.go ?? old?.go;
    lock[name] = {
      version: learnt.version,
      ...(Object.keys(sha256).length === 0 ? {} : { sha256 }),
      ...(go === undefined ? {} : { go }),
    };
  });
}

/** Forgets a tool. The caller holds the tools' lock. */
export async function dropFromToolLock(paths: WorkspacePaths, name: string): Promise<void> {
  await change(paths, (lock) => {
    delete lock[name];
  });
}

async function change(paths: WorkspacePaths, edit: (lock: ToolLock) => void): Promise<void> {
  const written = writing.then(async () => {
    const lock = await readToolLock(paths);
    const before = formatJson(lock);
    edit(lock);
    if (formatJson(lock) === before) return;
    const sorted = Object.fromEntries(Object.entries(lock).sort(([a], [b]) => (a < b ? -1 : 1)));
    await writeIfChanged(lockFilePath(paths), formatJson(sorted));
  });
  writing = written.catch(() => {});
  await written;
}
