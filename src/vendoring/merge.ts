import { FlowError } from "../core/errors.ts";
import type { Git } from "../core/git/index.ts";
import type { Squashed } from "./squash.ts";
import { lookUp, nestedIn, patchedPaths } from "./trees.ts";

export interface MergedTree {
  tree: string;
  patched: boolean;
}

/**
 * What each prefix will hold: upstream's tree, or its merge with the patches of ours. A prefix without patches costs no
 * process of its own.
 * @throws FlowError FLOW_VENDOR_CONFLICT naming the files in which a patch and upstream contradict, FLOW_VENDOR_BAD_PREFIX
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
  const conflicts: string[] = [];
  for (const [index, item] of squashed.entries()) {
    const { prefix } = item.incoming;
    const merged = await mergeOne(git, item, { head, ours: current[index], nested: nestedIn(prefix, prefixes) });
    if ("tree" in merged) result.set(prefix, merged);
    else conflicts.push(...merged.conflicts.map((file) => `${prefix}/${file}`));
  }
  if (conflicts.length > 0) {
    throw new FlowError(
      "FLOW_VENDOR_CONFLICT",
      `patches of ours and upstream contradict in:\n${conflicts.map((file) => `  ${file}`).join("\n")}`,
      {
        hint: "nothing was changed. Take the patch of these files out (or make it fit) and commit, then update again",
        details: { files: conflicts },
      },
    );
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
): Promise<MergedTree | { conflicts: string[] }> {
  const unpatched = { tree: upstream.tree, patched: false };
  if (ours === undefined || ours === previous?.tree) return unpatched;
  const against = previous?.tree ?? upstream.tree;
  const patched = await patchedPaths(git, { commit: head, prefix, tree: against, nested });
  if (patched.length === 0) return unpatched;
  if (previous === undefined) {
    throw new FlowError("FLOW_VENDOR_BAD_PREFIX", `${prefix} exists in the mirror already and comes from no source`, {
      hint: "choose another with --prefix, or move the directory away",
    });
  }
  // merge-tree takes commits: ours stands on the squash that the patches were made on.
  const identity = ["-c", "user.name=flow", "-c", "user.email=flow@localhost"];
  const side = await git.text([...identity, "commit-tree", ours, "-p", previous.squash, "-m", "ours"]);
  const merged = await git.run(["merge-tree", "--write-tree", "--name-only", "--no-messages", "-z", side, squash], {
    okCodes: [0, 1],
  });
  const [tree = "", ...files] = merged.stdout.split("\0");
  if (merged.exitCode === 1) return { conflicts: files.filter(Boolean) };
  return { tree: tree.trim(), patched: true };
}
