import { FlowError } from "../core/errors.ts";
import type { Git } from "../core/git/index.ts";
import { mergePrefixTrees } from "./without-attributes.ts";
import type { Squashed } from "./squash.ts";
import { lookUp, nestedIn, patchedPaths } from "./trees.ts";

/** A file in which a patch of ours and upstream contradict. */
export interface ConflictFile {
  /** From the top of the mirror. */
  path: string;
  /** In git's words: `contents`, `modify/delete`, `rename/rename`, `binary`, … */
  kind: string;
}

/** One entry of an unmerged index: stage 1 is what both began with, 2 ours, 3 upstream's. */
export interface IndexStage {
  path: string;
  mode: string;
  hash: string;
  stage: 1 | 2 | 3;
}

export interface MergedTree {
  /** What the prefix holds; with conflicts, files with git's markers in it. */
  tree: string;
  patched: boolean;
  conflicts: readonly ConflictFile[];
  stages: readonly IndexStage[];
}

/**
 * What each prefix will hold: upstream's tree, or its merge with the patches of ours. A prefix without patches costs no
 * process of its own.
 * @throws FlowError FLOW_VENDOR_BAD_PREFIX for a directory that comes from no source
 */
export async function mergedTrees(
  git: Git,
  { head, squashed, prefixes }: { head: string; squashed: readonly Squashed[]; prefixes: readonly string[] },
): Promise<Map<string, MergedTree>> {
  const result = new Map<string, MergedTree>();
  const current = await lookUp(
    git,
    squashed.map(({ incoming }) => `${head}:${incoming.prefix}`),
  );
  for (const [index, item] of squashed.entries()) {
    const { prefix } = item.incoming;
    result.set(prefix, await mergeOne(git, item, { head, ours: current[index], nested: nestedIn(prefix, prefixes) }));
  }
  return result;
}

interface Ours {
  head: string;
  /** Tree of the prefix at HEAD; undefined where there is none. */
  ours: string | undefined;
  nested: readonly string[];
}

async function mergeOne(
  git: Git,
  { incoming: { prefix }, upstream, squash, previous }: Squashed,
  { head, ours, nested }: Ours,
): Promise<MergedTree> {
  const unpatched = { tree: upstream.tree, patched: false, conflicts: [], stages: [] };
  if (ours === undefined || ours === previous?.tree) return unpatched;
  const against = previous?.tree ?? upstream.tree;
  // A new prefix may stand around nested ones that were there first: what it lacks of upstream's is no patch.
  const patched = await patchedPaths(git, {
    commit: head,
    prefix,
    tree: against,
    nested,
    withDeleted: previous !== undefined,
  });
  if (patched.length === 0) return unpatched;
  if (previous === undefined) {
    throw new FlowError("FLOW_VENDOR_BAD_PREFIX", `${prefix} exists in the mirror already and comes from no source`, {
      hint: "choose another with --prefix, or move the directory away",
    });
  }
  // merge-tree takes commits: ours stands on the squash that the patches were made on.
  const identity = ["-c", "user.name=flow", "-c", "user.email=flow@localhost"];
  const side = await git.text([...identity, "commit-tree", ours, "-p", previous.squash, "-m", "ours"]);
  const merged = await mergeTree(git, side, squash);
  if (merged.stages.length === 0 && merged.conflicts.length === 0) {
    return { ...merged, patched: merged.tree !== upstream.tree };
  }
  const below = (path: string) => `${prefix}/${path}`;
  const { tree, stages, conflicts } = await withNames(git, { ours: side, upstream: squash }, mergeTree);
  return {
    tree,
    patched: true,
    conflicts: conflicts.map(({ path, kind }) => ({ path: below(path), kind })),
    stages: stages.map((stage) => ({ ...stage, path: below(stage.path) })),
  };
}

/** Repeats a merge with names for both sides, which git writes into its conflict markers. */
async function withNames<T>(
  git: Git,
  sides: { ours: string; upstream: string },
  merge: (git: Git, ours: string, upstream: string) => Promise<T>,
): Promise<T> {
  const refs = Object.entries(sides).map(([name, commit]) => ({ name: `flow/merging/${name}`, commit }));
  for (const { name, commit } of refs) await git.run(["update-ref", `refs/${name}`, commit]);
  try {
    return await merge(git, "flow/merging/ours", "flow/merging/upstream");
  } finally {
    for (const { name } of refs) await git.run(["update-ref", "-d", `refs/${name}`]);
  }
}

/** git-merge-tree(1), with its `-z` output: tree, unmerged entries, an empty record, messages. */
async function mergeTree(git: Git, ours: string, upstream: string): Promise<Omit<MergedTree, "patched">> {
  const { stdout } = await mergePrefixTrees(git, ["--messages", ours, upstream]);
  const [tree = "", ...records] = stdout.split("\0");
  const end = records.indexOf("");
  const stages = records.slice(0, end < 0 ? records.length : end).map((record): IndexStage => {
    const [info = "", path = ""] = [record.slice(0, record.indexOf("\t")), record.slice(record.indexOf("\t") + 1)];
    const [mode = "", hash = "", stage = ""] = info.split(" ");
    return { path, mode, hash, stage: Number(stage) as IndexStage["stage"] };
  });
  const kinds = new Map<string, string>();
  const messages = end < 0 ? [] : records.slice(end + 1);
  for (let at = 0; at < messages.length && messages[at] !== "";) {
    const count = Number(messages[at]);
    const paths = messages.slice(at + 1, at + 1 + count);
    const kind = /^CONFLICT \((.+)\)$/.exec(messages[at + 1 + count] ?? "")?.[1];
    if (kind !== undefined) for (const path of paths) kinds.set(path, kinds.get(path) ?? kind);
    at += count + 3;
  }
  const unmerged = [...new Set(stages.map(({ path }) => path))];
  return {
    tree: tree.trim(),
    stages,
    conflicts: unmerged.map((path) => ({ path, kind: kinds.get(path) ?? "contents" })),
  };
}
