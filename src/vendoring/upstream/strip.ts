import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { removeTree } from "../../core/files.ts";
import type { Git } from "../../core/git/index.ts";
import { lookUp } from "../trees.ts";

/**
 * Trees of a prefix without the prefixes that are nested in it: those have an upstream of their own.
 * @param nested paths relative to the prefix
 */
export async function stripNested(
  git: Git,
  trees: readonly string[],
  nested: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  const stripped = new Map(trees.map((tree) => [tree, tree]));
  if (nested.length === 0) return stripped;
  const directory = await mkdtemp(join(tmpdir(), "flow-strip-"));
  const env = { GIT_INDEX_FILE: join(directory, "index") };
  try {
    for (const tree of stripped.keys()) {
      const there = await lookUp(
        git,
        nested.map((path) => `${tree}:${path}`),
      );
      const leaving = nested.filter((_, index) => there[index] !== undefined);
      if (leaving.length === 0) continue;
      await git.run(["read-tree", tree], { env });
      await git.run(["--literal-pathspecs", "rm", "-r", "-f", "-q", "--cached", "--sparse", "--", ...leaving], { env });
      stripped.set(tree, await git.text(["write-tree"], { env }));
    }
  } finally {
    await removeTree(directory);
  }
  return stripped;
}
