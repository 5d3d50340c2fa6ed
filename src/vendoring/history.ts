import type { Git } from "../core/git/index.ts";
import type { Mirror } from "./types.ts";

export interface SquashRecord {
  prefix: string;
  squash: string;
  /** Upstream commit it was made of. */
  split: string;
  tree: string;
}

/** The latest squash of every prefix in the history of HEAD, as `git subtree` finds it, in one scan. */
export async function scanSquashes(git: Git): Promise<Map<string, SquashRecord>> {
  const found = new Map<string, SquashRecord>();
  const log = await git.run(
    ["log", "--extended-regexp", "--grep=^git-subtree-dir: ", "--format=%H%x00%T%x00%B%x01", "HEAD"],
    { okCodes: [0, 128] },
  );
  if (log.exitCode !== 0) return found;
  for (const record of log.stdout.split("\u0001")) {
    const [commit = "", tree = "", body = ""] = record.replace(/^\n/, "").split("\0");
    const prefix = /^git-subtree-dir: (.+?)\/*$/m.exec(body)?.[1];
    const split = /^git-subtree-split: ([0-9a-f]{40,64})\s*$/m.exec(body)?.[1];
    // A mainline trailer is on merges without --squash and on rejoins: their tree is not upstream's.
    if (prefix === undefined || split === undefined || /^git-subtree-mainline: /m.test(body) || found.has(prefix))
      continue;
    found.set(prefix, { prefix, squash: commit, split, tree });
  }
  return found;
}

/**
 * Takes what was done by hand since the manifest was written into the manifest held in memory: a prefix that
 * `git subtree` pulled has a later squash, one that it added is new, one whose directory is gone was removed.
 */
export async function reconcile(git: Git, mirror: Mirror): Promise<void> {
  const { prefixes } = mirror.manifest;
  for (const { prefix, squash, split, tree } of (await scanSquashes(git)).values()) {
    const entry = prefixes[prefix];
    if (entry?.squash === squash) continue;
    if (entry === undefined) {
      const there = await git.run(["cat-file", "-e", `HEAD:${prefix}`], { okCodes: [0, 1, 128] });
      if (there.exitCode === 0)
        prefixes[prefix] = {
          source: "unknown",
          ref: split,
          commit: split,
          tree,
          squash,
          licence: "NONE",
          patched: false,
        };
      continue;
    }
    const { integrity: _gone, version: _old, ...rest } = entry;
    prefixes[prefix] = { ...rest, commit: split, tree, squash };
  }
}
