import { join } from "node:path";
import type { FlowContext } from "../../src/core/context.ts";
import { initMirror } from "../../src/vendoring/index.ts";
import { testContext } from "./context.ts";
import { makeRepository, personalGit, type Files } from "./git-repository.ts";
import { startRegistry, type TestRegistry } from "./registry.ts";
import { tempDirectory } from "./temp.ts";

export interface MirrorSetUp {
  dir: string;
  registry: TestRegistry;
  env: Record<string, string>;
  ctx: ReturnType<typeof testContext> & FlowContext;
  /** Work tree of the mirror; its remote is the bare `remote`. */
  mirror: string;
  remote: string;
  /** A git repository to add. */
  upstream: string;
  options: { cache: string };
}

/** A mirror with a bare repository as its remote, an upstream, and a registry; flow runs on a person's machine. */
export async function setUpMirror(
  files: Files = { "a.txt": "1\n2\n3\n4\n5\n", "lib/b.txt": "b\n" },
): Promise<MirrorSetUp> {
  const dir = await tempDirectory("flow vendor ü");
  const registry = await startRegistry();
  const env = { ...personalGit, PATH: process.env.PATH ?? "", HOME: dir, ...registry.env };
  const ctx = testContext(dir, { env });
  const mirror = join(dir, "vendor");
  const remote = join(dir, "mirror.git");
  await initMirror(ctx, { dir: mirror, remote });
  const upstream = join(dir, "upstream");
  await makeRepository(upstream, files);
  return { dir, registry, env, ctx, mirror, remote, upstream, options: { cache: join(dir, "cache") } };
}
