import { showPath } from "../core/bytes.ts";
import type { FlowContext } from "../core/context.ts";
import { Git } from "../core/git/index.ts";
import { lookUp, nestedIn, patchedPaths } from "./trees.ts";
import type { Mirror, PrefixStatus } from "./types.ts";

/** State of every prefix, by a handful of git processes whatever their number, and without network. */
export async function mirrorStatus(ctx: FlowContext, mirror: Mirror): Promise<PrefixStatus[]> {
  const git = new Git(ctx, mirror.dir);
  const prefixes = Object.keys(mirror.manifest.prefixes).sort();
  const current = await lookUp(
    git,
    prefixes.map((prefix) => `HEAD:${prefix}`),
  );
  const changes = await localChanges(git, new Set(prefixes));
  const statuses: PrefixStatus[] = [];
  for (const [index, prefix] of prefixes.entries()) {
    const entry = mirror.manifest.prefixes[prefix];
    if (entry === undefined) continue;
    const tree = current[index];
    const nested = nestedIn(prefix, prefixes);
    const patched =
      tree !== undefined &&
      tree !== entry.tree &&
      (nested.length === 0 ||
        (await patchedPaths(git, { commit: "HEAD", prefix, tree: entry.tree, nested })).length > 0);
    const local = changes.visible.get(prefix) ?? [];
    const hidden = changes.hidden.get(prefix) ?? [];
    statuses.push({
      ...entry,
      prefix,
      patched,
      changes: [...local, ...hidden],
      hidden,
      state:
        tree === undefined ? "missing" : local.length + hidden.length > 0 ? "modified" : patched ? "patched" : "clean",
    });
  }
  return statuses;
}

interface LocalChanges {
  visible: ReadonlyMap<string, string[]>;
  /** New files that a package's own `.gitignore` hides from git. */
  hidden: ReadonlyMap<string, string[]>;
}

/** Paths that differ from HEAD by prefix, untracked ones too. */
async function localChanges(git: Git, prefixes: ReadonlySet<string>): Promise<LocalChanges> {
  const status = await git.list(["status", "--porcelain=v1", "-z", "--untracked-files=all", "--no-renames"]);
  const ignored = await git.list(["ls-files", "-z", "--others", "--ignored", "--exclude-standard"]);
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
}

/**
 * Checks the mirror against its manifest: every file is what was recorded or a committed patch, and every squash and
 * upstream commit holds the recorded tree. A patch is no problem; a change that is not committed is.
 */
export async function verifyMirror(ctx: FlowContext, mirror: Mirror): Promise<Verification> {
  const git = new Git(ctx, mirror.dir);
  const prefixes = await mirrorStatus(ctx, mirror);
  const squashes = await lookUp(
    git,
    prefixes.map(({ squash }) => `${squash}^{tree}`),
  );
  const upstreams = await lookUp(
    git,
    prefixes.map(({ commit }) => `${commit}^{tree}`),
  );
  const problems = prefixes.flatMap((status, index) => {
    const { prefix, state, changes, tree, squash, commit } = status;
    const found: string[] = [];
    if (state === "missing") found.push("its directory is gone");
    found.push(...changes.map((path) => `${showPath(path)} is changed and not committed`));
    if (squashes[index] === undefined) found.push(`its squash ${squash} is missing`);
    else if (squashes[index] !== tree) found.push(`its squash ${squash} does not hold the recorded tree`);
    // Another clone may lack an upstream commit; one that is here must be the right one.
    if (upstreams[index] !== undefined && upstreams[index] !== tree)
      found.push(`its upstream commit ${commit} does not hold the recorded tree`);
    return found.map((problem) => ({ prefix, problem }));
  });
  return { prefixes, problems };
}
