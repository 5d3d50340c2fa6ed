import type { Git } from "../core/git/index.ts";
import { isShallow } from "./clone/state.ts";
import { scanSquashes } from "./history.ts";
import { lookUp } from "./trees.ts";
import type { Mirror } from "./types.ts";

/** A prefix that `git subtree` by hand cannot work on, although flow can. */
export interface Detached {
  prefix: string;
  /** Upstream commit that the prefix was last made of. */
  commit: string;
  /**
   * A forge's commit that repeats git subtree's trailers: `git subtree` by hand takes it for the squash, and a pull would
   * merge the whole mirror. Undefined when it finds nothing, and says so.
   */
  mistaken?: string;
}

interface Repeated {
  prefix: string;
  /** Upstream commits, one for each message that is repeated. */
  splits: string[];
  commit: string;
}

/**
 * Prefixes whose squash is not in the branch's history: a forge squashed or rebased the pull request that brought it. A
 * shallow clone cannot tell, and gives none.
 */
export async function detachedPrefixes(git: Git, { head, manifest }: Mirror): Promise<Detached[]> {
  if (head === undefined || (await isShallow(git))) return [];
  const latest = await scanSquashes(git, [head]);
  const { repeated, order } = await repeatedTrailers(git, head);
  const there = await lookUp(
    git,
    repeated.map(({ prefix }) => `${head}:${prefix}`),
  );
  const found = new Map<string, Detached>();
  for (const [prefix, { commit, squash }] of Object.entries(manifest.prefixes)) {
    if (latest.get(prefix)?.squash !== squash) found.set(prefix, { prefix, commit });
  }
  for (const [index, { prefix, splits, commit }] of repeated.entries()) {
    if (there[index] === undefined) continue;
    const squash = latest.get(prefix)?.squash;
    // git subtree takes the first that it meets in `git log HEAD`; one behind a squash does no harm.
    if (squash !== undefined && order.indexOf(squash) < order.indexOf(commit)) continue;
    const known = manifest.prefixes[prefix];
    const candidates = [...(known === undefined ? [] : [known.commit]), ...splits];
    found.set(prefix, { prefix, commit: await latestOf(git, candidates), mistaken: commit });
  }
  return [...found.values()].sort((a, b) => (a.prefix < b.prefix ? -1 : 1));
}

/** The latest of upstream's commits; the first, where their history is not here. */
async function latestOf(git: Git, commits: readonly string[]): Promise<string> {
  let [latest = ""] = commits;
  for (const commit of commits.slice(1)) {
    const newer = await git.run(["merge-base", "--is-ancestor", latest, commit], { okCodes: [0, 1, 128] });
    if (newer.exitCode === 0) latest = commit;
  }
  return latest;
}

/** Commits that repeat the messages of a pull request, the latest of each prefix; and all with trailers, as `git log` has them. */
async function repeatedTrailers(git: Git, head: string): Promise<{ repeated: Repeated[]; order: string[] }> {
  const format = "--format=%H%x00%B%x01";
  const log = await git.text(["log", "--extended-regexp", "--grep=^git-subtree-dir: ", format, head]);
  const found = new Map<string, Repeated>();
  const order: string[] = [];
  for (const record of log.split("\u0001")) {
    const [commit = "", body = ""] = record.replace(/^\n/, "").split("\0");
    order.push(commit);
    if (body.startsWith("Squashed '") || /^git-subtree-mainline: /m.test(body)) continue;
    for (const [, prefix = "", split = ""] of body.matchAll(
      /^git-subtree-dir: (.+?)\/*\s*\n(?:.*\n)??git-subtree-split: ([0-9a-f]{40,64})\s*$/gm,
    )) {
      const known = found.get(prefix);
      if (known === undefined) found.set(prefix, { prefix, splits: [split], commit });
      else if (known.commit === commit) known.splits.push(split);
    }
  }
  return { repeated: [...found.values()], order };
}
