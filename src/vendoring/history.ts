import type { Git } from "../core/git/index.ts";
import { licenceOfCommit } from "./git/licence.ts";
import { packagesAt } from "./git/package.ts";
import { manifestFile, parseManifest } from "./manifest.ts";
import { readPackageMessage } from "./messages.ts";
import { unknownSource } from "./sources.ts";
import { lookUp, readObjects, topFile } from "./trees.ts";
import type { Manifest, Mirror, PrefixEntry } from "./types.ts";

export interface SquashRecord {
  prefix: string;
  squash: string;
  /** Upstream commit it was made of. */
  split: string;
  tree: string;
}

/** The latest squash of every prefix in `range`, as `git subtree` finds it, in one scan. */
export async function scanSquashes(git: Git, range: readonly string[]): Promise<Map<string, SquashRecord>> {
  const found = new Map<string, SquashRecord>();
  const log = await git.run(
    ["log", "--extended-regexp", "--grep=^git-subtree-dir: ", "--format=%H%x00%T%x00%B%x01", ...range],
    { okCodes: [0, 128] },
  );
  if (log.exitCode !== 0) return found;
  for (const record of log.stdout.split("\u0001")) {
    const [commit = "", tree = "", body = ""] = record.replace(/^\n/, "").split("\0");
    const prefix = /^git-subtree-dir: (.+?)\/*\s*$/m.exec(body)?.[1];
    const split = /^git-subtree-split: ([0-9a-f]{40,64})\s*$/m.exec(body)?.[1];
    // A forge that squashes a pull request repeats the messages in it: that commit holds the mirror's tree.
    if (!body.startsWith("Squashed '")) continue;
    // A mainline trailer is on merges without --squash and on rejoins: their tree is not upstream's.
    if (prefix === undefined || split === undefined || /^git-subtree-mainline: /m.test(body) || found.has(prefix)) {
      continue;
    }
    found.set(prefix, { prefix, squash: commit, split, tree });
  }
  return found;
}

/**
 * Takes what was done by hand since the manifest was written into the manifest held in memory: a prefix that
 * `git subtree` pulled has a later squash, one that it added is new.
 */
export async function reconcile(
  git: Git,
  { head, manifest: { prefixes } }: Pick<Mirror, "head" | "manifest">,
): Promise<void> {
  if (head === undefined) return;
  const since = await git.text(["log", "-1", "--format=%H", head, "--", manifestFile]);
  const range = since === "" ? head : `${since}..${head}`;
  const records = await scanSquashes(git, [range]);
  for (const [prefix, record] of await mergedAgain(git, range)) if (!records.has(prefix)) records.set(prefix, record);
  const changed = [...records.values()].filter(({ prefix, squash }) => prefixes[prefix]?.squash !== squash);
  if (changed.length === 0) return;
  const there = await lookUp(
    git,
    changed.map(({ prefix }) => `${head}:${prefix}`),
  );
  const newer: SquashRecord[] = [];
  for (const [index, record] of changed.entries()) {
    if (await isNewer(git, record, { entry: prefixes[record.prefix], there: there[index] })) newer.push(record);
  }
  const entries = await entriesFor(git, newer, prefixes);
  for (const [index, { prefix }] of newer.entries()) prefixes[prefix] = entries[index] as PrefixEntry;
}

/**
 * The squashes that merges in `range` brought in. One that the history held before, from a prefix that was removed
 * since, is no new commit: git gives equal squashes of one second, or a repeated merge, the same name.
 */
async function mergedAgain(git: Git, range: string): Promise<Map<string, SquashRecord>> {
  const parents = await git.text(["log", "--merges", "--format=%P", range]);
  const merged = parents.split("\n").flatMap((line) => line.split(" ").slice(1));
  return merged.length === 0 ? new Map() : await scanSquashes(git, ["--no-walk=unsorted", ...merged]);
}

/** Whether a squash came after the recorded one: made on top of it, or the prefix was added anew and holds it. */
async function isNewer(
  git: Git,
  { squash, tree }: SquashRecord,
  { entry, there }: { entry: PrefixEntry | undefined; there: string | undefined },
): Promise<boolean> {
  if (entry === undefined) return there !== undefined;
  const onTop = await git.run(["merge-base", "--is-ancestor", entry.squash, squash], { okCodes: [0, 1, 128] });
  return onTop.exitCode === 0 || (there === tree && there !== entry.tree);
}

/** What the history tells of prefixes; what it does not tell, the entries `before` do. */
async function entriesFor(
  git: Git,
  records: readonly SquashRecord[],
  before: Readonly<Record<string, PrefixEntry>>,
): Promise<PrefixEntry[]> {
  const commits = await readObjects(
    git,
    records.map(({ split }) => split),
  );
  const manifests = await packagesAt(
    git,
    records.map(({ squash }) => squash),
  );
  const entries: PrefixEntry[] = [];
  for (const [index, { prefix, split: commit, tree, squash }] of records.entries()) {
    const message = commits[index]?.toString("utf8").split("\n\n").slice(1).join("\n\n");
    const known = message === undefined ? undefined : readPackageMessage(message);
    const licence = await licenceOfCommit(git, squash, manifests[index]);
    const {
      integrity: _integrity,
      version: _version,
      ...rest
    } = before[prefix] ?? { source: unknownSource, ref: commit, patched: false };
    entries.push({ ...rest, ...known, commit, tree, squash, licence });
  }
  return entries;
}

/**
 * The manifest as the mirror's history tells it, for when the file is lost or broken: the latest squash of every prefix
 * that is there; source and ref from packages' own commits, else from the last manifest in history that can be read.
 */
export async function rebuildManifest(git: Git, head: string): Promise<Manifest> {
  const records = [...(await scanSquashes(git, [head])).values()];
  const there = await lookUp(
    git,
    records.map(({ prefix }) => `${head}:${prefix}`),
  );
  const present = records.filter((_, index) => there[index] !== undefined);
  const old = await lastReadable(git, head);
  const entries = await entriesFor(git, present, old.prefixes);
  const prefixes = present.map((record, index): [string, PrefixEntry] => {
    const before = old.prefixes[record.prefix];
    const patched = there[records.indexOf(record)] !== record.tree;
    return [record.prefix, before?.squash === record.squash ? before : { ...(entries[index] as PrefixEntry), patched }];
  });
  return { version: 1, prefixes: Object.fromEntries(prefixes) };
}

async function lastReadable(git: Git, head: string): Promise<Manifest> {
  const commits = await git.text(["log", "--format=%H", head, "--", manifestFile]);
  for (const commit of commits.split("\n").filter(Boolean)) {
    try {
      const text = await topFile(git, manifestFile, commit);
      if (text !== undefined) return parseManifest(text);
    } catch {
      // Broken there too: an older one may be whole.
    }
  }
  return { version: 1, prefixes: {} };
}
