import type { Git } from "../../core/git/index.ts";
import { changedPaths, nestedIn, patchedPaths } from "../trees.ts";
import type { Manifest } from "../types.ts";

/** What became of our patches of a prefix, by file (from the top of the prefix). */
export interface PatchReview {
  kept: string[];
  added: string[];
  /** Upstream has them now as we had them. */
  adopted: string[];
  /** Gone, and upstream does not have them. */
  lost: string[];
}

export interface PatchedState {
  commit: string;
  manifest: Manifest;
}

export async function reviewPatches(
  git: Git,
  prefix: string,
  { before, after }: { before: PatchedState; after: PatchedState },
): Promise<PatchReview> {
  const [was, is] = [await patched(git, prefix, before), await patched(git, prefix, after)];
  const gone = [...was].filter((path) => !is.has(path));
  const result: PatchReview = {
    kept: [...was].filter((path) => is.has(path)),
    added: [...is].filter((path) => !was.has(path)),
    adopted: [],
    lost: [],
  };
  const upstream = after.manifest.prefixes[prefix]?.tree;
  if (gone.length === 0 || upstream === undefined) return { ...result, lost: gone };
  const differing = await changedPaths(git, `${before.commit}:${prefix}`, upstream);
  for (const path of gone) (differing.has(path) ? result.lost : result.adopted).push(path);
  return result;
}

async function patched(git: Git, prefix: string, { commit, manifest }: PatchedState): Promise<Set<string>> {
  const entry = manifest.prefixes[prefix];
  if (entry === undefined) return new Set();
  const nested = nestedIn(prefix, Object.keys(manifest.prefixes));
  return new Set(await patchedPaths(git, { commit, prefix, tree: entry.tree, nested }));
}
