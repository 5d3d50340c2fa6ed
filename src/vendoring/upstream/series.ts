import type { Git } from "../../core/git/index.ts";
import { identityEnvironment } from "../../core/git/index.ts";
import { mergePrefixTrees } from "../without-attributes.ts";
import { lookUp, nestedIn } from "../trees.ts";
import type { Mirror } from "../types.ts";
import { copyCommit } from "./copy-commit.ts";
import { stripNested } from "./strip.ts";

/** A prefix's patches of ours as commits on top of what upstream has. */
export interface Series {
  /** Commit with upstream's tree that the series stands on. */
  base: string;
  /** Last commit of the series; `base` without patches. */
  tip: string;
}

/**
 * Our commits below a prefix, replayed in order on top of the upstream state that the mirror holds now, each with its
 * author and message. What an update merged into them is in them then; where a commit cannot be told apart from what
 * others changed later, the rest becomes one last commit, so that the series always ends in what HEAD holds.
 */
export async function patchSeries(git: Git, { manifest }: Mirror, prefix: string): Promise<Series> {
  const entry = manifest.prefixes[prefix] as Mirror["manifest"]["prefixes"][string];
  const env = await identityEnvironment(git);
  const make = async (tree: string, parents: readonly string[], message: string) =>
    await git.text(["commit-tree", tree, ...parents.flatMap((parent) => ["-p", parent])], { input: message, env });
  const commits = await ownCommits(git, prefix);
  const names = [...commits.flatMap((commit) => [`${commit}^:${prefix}`, `${commit}:${prefix}`]), `HEAD:${prefix}`];
  const nested = nestedIn(prefix, Object.keys(manifest.prefixes)).map((path) => path.slice(prefix.length + 1));
  const found = await lookUp(git, names);
  const stripped = await stripNested(git, [...new Set(found.filter((tree) => tree !== undefined))], nested);
  const treeAt = (index: number) => stripped.get(found[index] ?? "");
  const goal = treeAt(names.length - 1) ?? entry.tree;
  const base = await make(entry.tree, [], `${prefix} as upstream has it\n`);
  let [tip, current] = [base, entry.tree];
  for (const [index, commit] of commits.entries()) {
    const [before, after] = [treeAt(index * 2), treeAt(index * 2 + 1)];
    if (before === undefined || after === undefined || before === after) continue;
    const tree = await replay(git, { before, after, current, make });
    if (tree === undefined) break;
    if (tree === current) continue;
    tip = await copyCommit(git, { commit, tree, parents: [tip] });
    current = tree;
  }
  if (current !== goal) {
    const subject = tip === base ? `Local changes of ${prefix}` : `Further local changes of ${prefix}`;
    tip = await make(goal, [tip], `${subject}\n`);
  }
  return { base, tip };
}

/** Commits of ours that change a prefix, oldest first: no merges, no squashes. */
async function ownCommits(git: Git, prefix: string): Promise<string[]> {
  const squashes = await git.text(["log", "--extended-regexp", "--grep=^git-subtree-dir: ", "--format=^%H", "HEAD"]);
  const listed = await git.text(
    ["--literal-pathspecs", "rev-list", "--topo-order", "--reverse", "--no-merges", "HEAD", "--stdin"],
    { input: `${squashes}\n--\n${prefix}\n` },
  );
  return listed.split("\n").filter(Boolean);
}

interface Replayed {
  before: string;
  after: string;
  current: string;
  make(tree: string, parents: readonly string[], message: string): Promise<string>;
}

/** What a commit changed, applied to `current`; undefined when it does not fit. */
async function replay(git: Git, { before, after, current, make }: Replayed): Promise<string | undefined> {
  if (before === current) return after;
  const root = await make(before, [], "before\n");
  const [ours, theirs] = [await make(current, [root], "current\n"), await make(after, [root], "after\n")];
  const merged = await mergePrefixTrees(git, ["--no-messages", ours, theirs]);
  return merged.exitCode === 0 ? merged.stdout.split("\0")[0]?.trim() : undefined;
}
