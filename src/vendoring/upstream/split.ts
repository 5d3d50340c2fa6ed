import type { Git } from "../../core/git/index.ts";
import { lookUp } from "../trees.ts";
import { copyCommit } from "./copy-commit.ts";
import { stripNested } from "./strip.ts";

export interface SplitRequest {
  rev: string;
  prefix: string;
  /** Prefixes nested in it, relative to it: they are left out. */
  nested: readonly string[];
}

/**
 * The history of a prefix as its upstream would have it, with the commits and hashes that `git subtree split` makes
 * (git 2.39, contrib/subtree/git-subtree.sh), by a few processes instead of several a commit. Squashes of other prefixes
 * are passed over, also those whose upstream has a directory of this prefix's name.
 */
export async function splitPrefix(git: Git, { rev, prefix, nested }: SplitRequest): Promise<string | undefined> {
  const { known, others } = await priorSplits(git, rev, prefix);
  const lines = (await git.text(["rev-list", "--topo-order", "--reverse", "--parents", rev])).split("\n");
  const commits = lines.map((line) => line.split(" ")).filter(([commit = ""]) => !others.has(commit));
  const found = await lookUp(
    git,
    commits.map(([commit]) => `${commit}:${prefix}`),
  );
  const trees = await stripNested(git, [...new Set(found.filter((tree) => tree !== undefined))], nested);
  const split = new Map(known);
  const treeOf = new Map<string, string>();
  const subs = [...new Set(known.values())];
  const subTrees = await lookUp(
    git,
    subs.map((sub) => `${sub}^{tree}`),
  );
  for (const [index, sub] of subs.entries()) treeOf.set(sub, subTrees[index] ?? "");
  let latest: string | undefined;
  for (const [index, [commit = "", ...parents]] of commits.entries()) {
    if (split.has(commit)) continue;
    const mapped = parents.map((parent) => split.get(parent)).filter((parent) => parent !== undefined);
    const tree = trees.get(found[index] ?? "");
    // git subtree takes such a commit for one of upstream's own; without the prefix it is none of either.
    if (tree === undefined) continue;
    const result = await copyOrSkip(git, { commit, tree, parents: mapped, treeOf });
    treeOf.set(result, tree);
    split.set(commit, result);
    latest = result;
  }
  return latest;
}

/** What squashes and rejoins say about this prefix, and the squashes of all others. */
async function priorSplits(
  git: Git,
  rev: string,
  prefix: string,
): Promise<{ known: Map<string, string>; others: Set<string> }> {
  const known = new Map<string, string>();
  const others = new Set<string>();
  const log = await git.run(["log", "--extended-regexp", "--grep=^git-subtree-dir: ", "--format=%H%x00%B%x01", rev]);
  for (const record of log.stdout.split("\u0001")) {
    const [commit = "", body = ""] = record.replace(/^\n/, "").split("\0");
    const directory = /^git-subtree-dir: (.+?)\/*\s*$/m.exec(body)?.[1];
    const sub = /^git-subtree-split: ([0-9a-f]{40,64})\s*$/m.exec(body)?.[1];
    const main = /^git-subtree-mainline: ([0-9a-f]{40,64})\s*$/m.exec(body)?.[1];
    if (directory === undefined || sub === undefined) continue;
    if (directory !== prefix) {
      if (main === undefined) others.add(commit);
    } else if (main === undefined) known.set(commit, sub);
    else known.set(main, sub).set(sub, sub);
  }
  return { known, others };
}

interface Copied {
  commit: string;
  tree: string;
  /** Of the split history. */
  parents: readonly string[];
  treeOf: ReadonlyMap<string, string>;
}

/** A parent that holds the same tree stands for the commit, unless that would lose history of another parent. */
async function copyOrSkip(git: Git, { commit, tree, parents, treeOf }: Copied): Promise<string> {
  let identical: string | undefined;
  let other: string | undefined;
  let copy = false;
  for (const parent of parents) {
    if (treeOf.get(parent) !== tree) other = parent;
    else if (identical === undefined) identical = parent;
    else {
      const base = await git.text(["merge-base", identical, parent], { okCodes: [0, 1] });
      if (base === identical) identical = parent;
      else if (base !== parent) copy = true;
    }
  }
  if (identical !== undefined && other !== undefined) {
    const extras = await git.text(["rev-list", "--count", `${identical}..${other}`]);
    if (extras !== "0") copy = true;
  }
  if (identical !== undefined && !copy) return identical;
  return await copyCommit(git, { commit, tree, parents: [...new Set(parents)] });
}
