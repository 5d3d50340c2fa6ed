import { copyFile, mkdtemp } from "node:fs/promises";
import { existsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { FlowContext } from "../core/context.ts";
import { removeTree } from "../core/files.ts";
import { Git } from "../core/git/index.ts";
import { bringDirectories } from "./clone/bring.ts";
import { readCone } from "./clone/cone.ts";
import { gitPath } from "./conflict/state.ts";
import { openMirror } from "./mirror.ts";
import { lookUp, nestedIn } from "./trees.ts";
import { findPrefix } from "./find-prefix.ts";
import { stripNested } from "./upstream/strip.ts";

export interface DiffFile {
  /** From the top of the mirror. */
  path: string;
  /** As git names it: A added, D deleted, M modified, T type changed. */
  status: string;
}

export interface PrefixDiff {
  prefix: string;
  files: DiffFile[];
  /** Unified, with paths from the top of the mirror; bytes that are no UTF-8 survive in it (core/bytes.ts). */
  diff: string;
}

/**
 * What we changed below prefixes, beside what upstream has: patches that are committed, and, unless `committed` is set, what
 * lies in the work tree. Without names: every prefix that differs; of a sparse clone, of what it has checked out. Needs no
 * network, except for a name that a sparse clone has not checked out: it is then.
 */
export async function diffPrefixes(
  ctx: FlowContext,
  dir: string,
  { names, committed = false }: { names: readonly string[]; committed?: boolean },
): Promise<PrefixDiff[]> {
  const mirror = await openMirror(ctx, dir);
  const git = new Git(ctx, mirror.dir);
  const all = Object.keys(mirror.manifest.prefixes).sort();
  const cone = await readCone(git);
  const named = names.map((name) => findPrefix(mirror, name));
  const chosen = names.length === 0 ? all.filter((prefix) => cone.holds(prefix)) : named;
  await bringDirectories(ctx, mirror, named);
  const top = committed ? "HEAD" : await workTree(git, chosen);
  const found = await lookUp(
    git,
    chosen.map((prefix) => `${top}:${prefix}`),
  );
  const diffs: PrefixDiff[] = [];
  for (const [index, prefix] of chosen.entries()) {
    const upstream = mirror.manifest.prefixes[prefix]?.tree as string;
    const current = found[index] ?? (await git.text(["mktree"], { input: "" }));
    if (current === upstream) continue;
    const nested = nestedIn(prefix, all).map((path) => path.slice(prefix.length + 1));
    const ours = (await stripNested(git, [current], nested)).get(current) as string;
    if (ours !== upstream) diffs.push(await diffTrees(git, { prefix, upstream, ours }));
  }
  return diffs;
}

async function diffTrees(
  git: Git,
  { prefix, upstream, ours }: { prefix: string; upstream: string; ours: string },
): Promise<PrefixDiff> {
  const fields = await git.list(["diff-tree", "-r", "-z", "--no-renames", "--name-status", upstream, ours]);
  const files: DiffFile[] = [];
  for (let at = 0; at + 1 < fields.length; at += 2) {
    files.push({ status: fields[at] as string, path: `${prefix}/${fields[at + 1]}` });
  }
  const places = [`--src-prefix=a/${prefix}/`, `--dst-prefix=b/${prefix}/`];
  const { stdout: diff } = await git.run([
    "diff-tree",
    "-r",
    "-p",
    "--binary",
    "--no-ext-diff",
    ...places,
    upstream,
    ours,
  ]);
  return { prefix, files, diff };
}

/** The tree that HEAD would have with what lies below the prefixes in the work tree; the index stays as it is. */
async function workTree(git: Git, prefixes: readonly string[]): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "flow-diff-"));
  const env = { GIT_INDEX_FILE: join(directory, "index") };
  try {
    const index = await gitPath(git, "index");
    if (existsSync(index)) await copyFile(index, env.GIT_INDEX_FILE);
    const tracked = await lookUp(
      git,
      prefixes.map((prefix) => `HEAD:${prefix}`),
    );
    const there = prefixes.filter((prefix, at) => tracked[at] !== undefined || existsSync(join(git.dir, prefix)));
    const from = ["--pathspec-from-file=-", "--pathspec-file-nul"];
    await git.run(["--literal-pathspecs", "add", "--all", "--force", "--sparse", ...from], {
      env,
      input: there.map((prefix) => `${prefix}\0`).join(""),
    });
    return await git.text(["write-tree"], { env });
  } finally {
    await removeTree(directory);
  }
}
