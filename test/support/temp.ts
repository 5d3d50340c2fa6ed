import { mkdtemp, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";

/** A directory of its own for one test, removed when the test is over. */
export async function tempDirectory(name = "flow"): Promise<string> {
  const dir = await realpath(await mkdtemp(join(tmpdir(), `${name}-`)));
  onTestFinished(() => rm(dir, { recursive: true, force: true, maxRetries: 3 }));
  return dir;
}
