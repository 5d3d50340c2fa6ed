import { showPath } from "../core/bytes.ts";
import type { FlowContext } from "../core/context.ts";
import { Git } from "../core/git/index.ts";
import { readCone } from "./clone/cone.ts";
import { presentCommits } from "./clone/objects.ts";
import { cloneState } from "./clone/state.ts";
import { lookUp, nestedPrefixes, patchedPaths, treesIn } from "./trees.ts";
import type { Mirror, PrefixEntry, PrefixStatus } from "./types.ts";

/** Prefixes with others nested in them ask a git process each. */
const atOnce = 8;

/** State of every prefix, by a handful of git processes whatever their number, and without network. */
export async function mirrorStatus(ctx: FlowContext, mirror: Mirror): Promise<PrefixStatus[]> {
  const git = new Git(ctx, mirror.dir);
  const prefixes = Object.keys(mirror.manifest.prefixes).sort();
  const [current, changes, cone] = await Promise.all([
    treesIn(git, "HEAD", prefixes),
    localChanges(git, new Set(prefixes)),
    readCone(git),
  ]);
  const nestedAll = nestedPrefixes(prefixes);
  const statusOf = async (prefix: string): Promise<PrefixStatus> => {
    const entry = mirror.manifest.prefixes[prefix] as PrefixEntry;
    const tree = current.get(prefix);
    const nested = nestedAll.get(prefix) ?? [];
    const patched =
      tree !== undefined &&
      tree !== entry.tree &&
      (nested.length === 0 ||
        (await patchedPaths(git, { commit: "HEAD", prefix, tree: entry.tree, nested })).length > 0);
    const local = changes.visible.get(prefix) ?? [];
    const hidden = changes.hidden.get(prefix) ?? [];
    return {
      ...entry,
      prefix,
      patched,
      inWorkTree: cone.holds(prefix),
      changes: [...local, ...hidden],
      hidden,
      state:
        tree === undefined ? "missing" : local.length + hidden.length > 0 ? "modified" : patched ? "patched" : "clean",
    };
  };
  const statuses: PrefixStatus[] = [];
  for (let at = 0; at < prefixes.length; at += atOnce)
    statuses.push(...(await Promise.all(prefixes.slice(at, at + atOnce).map(statusOf))));
  return statuses;
}

interface LocalChanges {
  visible: ReadonlyMap<string, string[]>;
  /** New files that a package's own `.gitignore` hides from git. */
  hidden: ReadonlyMap<string, string[]>;
}

/** Paths that differ from HEAD by prefix, untracked ones too. */
async function localChanges(git: Git, prefixes: ReadonlySet<string>): Promise<LocalChanges> {
  const [status, ignored] = await Promise.all([
    git.list(["status", "--porcelain=v1", "-z", "--untracked-files=all", "--no-renames"]),
    git.list(["ls-files", "-z", "--others", "--ignored", "--exclude-standard"]),
  ]);
  return {
    visible: byPrefix(
      status.map((line) => line.slice(3)),
      prefixes,
    ),
    hidden: byPrefix(ignored, prefixes),
  };
}

function byPrefix(paths: readonly string[], prefixes: ReadonlySet<string>): Map<string, string[]> {
  const grouped = new Map<string, string[]>();
  for (const path of paths) {
    const prefix = prefixOf(path, prefixes);
    if (prefix !== undefined) grouped.set(prefix, [...(grouped.get(prefix) ?? []), path]);
  }
  return grouped;
}

/** The innermost prefix that a path lies in. */
export function prefixOf(path: string, prefixes: ReadonlySet<string>): string | undefined {
  for (let at = path.lastIndexOf("/"); at > 0; at = path.lastIndexOf("/", at - 1))
    if (prefixes.has(path.slice(0, at))) return path.slice(0, at);
  return undefined;
}

export interface Verification {
  prefixes: PrefixStatus[];
  problems: { prefix: string; problem: string }[];
  /** Prefixes whose squash a shallow clone does not have: their trees were compared with the record, and no more. */
  unchecked: string[];
}

/**
 * Checks the mirror against its manifest: every file is what was recorded or a committed patch, and every squash and
 * upstream commit holds the recorded tree. A patch is no problem; a change that is not committed is. Asks no remote:
 * what a clone does not have is not fetched for it.
 */
export async function verifyMirror(ctx: FlowContext, mirror: Mirror): Promise<Verification> {
  const git = new Git(ctx, mirror.dir);
  const prefixes = await mirrorStatus(ctx, mirror);
  const { shallow } = await cloneState(git);
  const treeOf = await treesOfCommits(
    git,
    prefixes.flatMap(({ squash, commit }) => [squash, commit]),
  );
  const problems = prefixes.flatMap((status) => {
    const { prefix, state, changes, tree, squash, commit } = status;
    const [squashed, upstream] = [treeOf.get(squash), treeOf.get(commit)];
    const found: string[] = [];
    if (state === "missing") found.push("its directory is gone");
    found.push(...changes.map((path) => `${showPath(path)} is changed and not committed`));
    if (squashed === undefined && !shallow) found.push(`its squash ${squash} is missing`);
    else if (squashed !== undefined && squashed !== tree)
      found.push(`its squash ${squash} does not hold the recorded tree`);
    // Another clone may lack an upstream commit; one that is here must be the right one.
    if (upstream !== undefined && upstream !== tree)
      found.push(`its upstream commit ${commit} does not hold the recorded tree`);
    return found.map((problem) => ({ prefix, problem }));
  });
  const unchecked = prefixes.filter(({ squash }) => !treeOf.has(squash)).map(({ prefix }) => prefix);
  return { prefixes, problems, unchecked: shallow ? unchecked : [] };
}

/** Trees of those commits that are in the clone. */
async function treesOfCommits(git: Git, commits: readonly string[]): Promise<Map<string, string>> {
  const here = await presentCommits(git, commits);
  const found = commits.filter((commit) => here.has(commit));
  const trees = await lookUp(
    git,
    found.map((commit) => `${commit}^{tree}`),
  );
  return new Map(found.map((commit, index) => [commit, trees[index] ?? "missing"]));
}
