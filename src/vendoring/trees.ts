import type { Git } from "../core/git/index.ts";

/** Hashes of the objects that `names` (`HEAD:path`, `commit^{tree}`) stand for, by one process; undefined for what is not there. */
export async function lookUp(git: Git, names: readonly string[]): Promise<(string | undefined)[]> {
  if (names.length === 0) return [];
  const output = await git.text(["cat-file", "--batch-check=%(objectname)"], {
    input: names.map((name) => `${name}\n`).join(""),
  });
  return output.split("\n").map((line) => (/^[0-9a-f]{40,64}$/.test(line) ? line : undefined));
}

/** Prefixes that lie below `prefix`. */
export function nestedIn(prefix: string, all: readonly string[]): string[] {
  return all.filter((other) => other.startsWith(`${prefix}/`));
}

/** Paths below `prefix` that `commit` has otherwise than the upstream tree; prefixes nested in it are their own matter. */
export async function patchedPaths(
  git: Git,
  { commit, prefix, tree, nested }: { commit: string; prefix: string; tree: string; nested: readonly string[] },
): Promise<string[]> {
  const output = await git.bytes(["diff-tree", "-r", "-z", "--name-only", "--no-renames", tree, `${commit}:${prefix}`]);
  return output
    .toString("utf8")
    .split("\0")
    .filter((path) => path !== "" && !nested.some((other) => `${prefix}/${path}`.startsWith(`${other}/`)));
}
