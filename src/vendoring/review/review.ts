import { existsSync } from "node:fs";
import type { FlowContext } from "../../core/context.ts";
import { FlowError } from "../../core/errors.ts";
import { Git } from "../../core/git/index.ts";
import { reconcile } from "../history.ts";
import { committedManifest, manifestFile } from "../manifest.ts";
import { lockPackages } from "../npm/lock.ts";
import { ownFiles } from "../share/merge-heads.ts";
import { prefixOf } from "../status.ts";
import { lookUp, topFile } from "../trees.ts";
import type { Manifest, PrefixEntry } from "../types.ts";
import { fileChanges, type FileChange } from "./changes.ts";
import { factsAt, type PackageFacts } from "./package-facts.ts";
import { reviewPatches, type PatchReview } from "./patches.ts";
import { resolveRange } from "./range.ts";

export interface PrefixReview {
  prefix: string;
  change: "added" | "updated" | "removed" | "patched";
  source: string;
  /** Version or ref before; undefined for what is new. */
  from?: string;
  /** Version or ref after; undefined for what goes. */
  to?: string;
  files: { added: number; removed: number; changed: number };
  lines: { added: number; removed: number };
  /** What it needs now and did not, or in another range; and what it needs no more. */
  dependencies: { name: string; from?: string; to?: string }[];
  /** Scripts that npm would run at its installation and that are new or different. */
  installScripts: { name: string; from?: string; to: string }[];
  /** Files that are no text, new or changed. */
  binaries: string[];
  /** Files that became programs. */
  executables: string[];
  licence: { from?: string; to?: string };
  patches: PatchReview;
  /** What an honest change does not do. */
  warnings: string[];
}

export interface Review {
  from: string;
  to: string;
  prefixes: PrefixReview[];
  /** Changed files that belong to no prefix; the mirror's own records left out. */
  others: string[];
  /** What the lock asks for and nothing was imported of: the change of an update robot. */
  notImported: { name: string; from?: string; to: string }[];
}

interface State {
  commit: string;
  manifest: Manifest;
}

/**
 * Sums up what changed in the mirror between two commits, prefix by prefix; works on anybody's branch, without a work
 * tree (in a bare repository) too. Nothing is changed or fetched.
 * @param range `A..B`, `A...B` or `B`, default `origin/BRANCH...HEAD`
 * @throws FlowError FLOW_USAGE for what is no range, FLOW_VENDOR_NOT_A_MIRROR
 */
export async function reviewRange(ctx: FlowContext, dir: string, range?: string): Promise<Review> {
  const git = await repositoryAt(ctx, dir);
  const { from, to } = await resolveRange(git, range);
  const [before, after] = [await stateOf(git, from), await stateOf(git, to)];
  const changes = await fileChanges(git, from, to);
  const prefixes = new Set([...Object.keys(before.manifest.prefixes), ...Object.keys(after.manifest.prefixes)]);
  const byPrefix = Map.groupBy(changes, ({ path }) => prefixOf(path, prefixes) ?? "");
  const changed = [...prefixes].filter((prefix) => byPrefix.has(prefix) || moved(prefix, before, after)).sort();
  const facts = async ({ commit }: State) =>
    await factsAt(
      git,
      changed.map((prefix) => `${commit}:${prefix}`),
    );
  const [was, is] = [await facts(before), await facts(after)];
  const squashes = await lookUp(
    git,
    changed.map((prefix) => `${after.manifest.prefixes[prefix]?.squash}^{tree}`),
  );
  const reviews: PrefixReview[] = [];
  for (const [index, prefix] of changed.entries()) {
    const files = byPrefix.get(prefix) ?? [];
    const patches = await reviewPatches(git, prefix, { before, after });
    const entries = { before: before.manifest.prefixes[prefix], after: after.manifest.prefixes[prefix] };
    reviews.push({
      prefix,
      ...changeOf(entries),
      ...filesOf(prefix, files),
      ...factsOf(was[index] as PackageFacts, is[index] as PackageFacts),
      patches,
      warnings: warningsOf(entries, squashes[index]),
    });
  }
  const others = (byPrefix.get("") ?? []).map(({ path }) => path).filter((path) => !ownFiles.includes(path));
  return { from, to, prefixes: reviews, others, notImported: await notImported(git, before, after) };
}

async function repositoryAt(ctx: FlowContext, dir: string): Promise<Git> {
  const git = new Git(ctx, dir);
  const found = existsSync(dir)
    ? await git.run(["rev-parse", "--show-toplevel"], { okCodes: [0, 128] })
    : { exitCode: 128, stdout: "" };
  if (found.exitCode === 0) return new Git(ctx, found.stdout.replace(/\n$/, ""));
  const bare = existsSync(dir) && (await git.run(["rev-parse", "--is-bare-repository"], { okCodes: [0, 128] }));
  if (bare !== false && bare.stdout.trim() === "true") return git;
  throw new FlowError("FLOW_VENDOR_NOT_A_MIRROR", `${dir} is no git repository`, {
    hint: "go to a workspace, to a mirror, or to a bare clone of one",
  });
}

/** The manifest of a commit, with what was done by hand since it was written. */
async function stateOf(git: Git, commit: string): Promise<State> {
  const manifest = await committedManifest(git, commit);
  await reconcile(git, { head: commit, manifest });
  return { commit, manifest };
}

function moved(prefix: string, before: State, after: State): boolean {
  const [was, is] = [before.manifest.prefixes[prefix], after.manifest.prefixes[prefix]];
  return was?.commit !== is?.commit || was?.source !== is?.source || was?.ref !== is?.ref;
}

interface Entries {
  before: PrefixEntry | undefined;
  after: PrefixEntry | undefined;
}

function changeOf({ before, after }: Entries): Pick<PrefixReview, "change" | "source" | "from" | "to" | "licence"> {
  const label = (entry: PrefixEntry) => entry.version ?? entry.ref;
  const same = before !== undefined && before.commit === after?.commit && before.ref === after.ref;
  return {
    change: before === undefined ? "added" : after === undefined ? "removed" : same ? "patched" : "updated",
    source: (after ?? (before as PrefixEntry)).source,
    ...(before === undefined ? {} : { from: label(before) }),
    ...(after === undefined ? {} : { to: label(after) }),
    licence: {
      ...(before === undefined ? {} : { from: before.licence }),
      ...(after === undefined ? {} : { to: after.licence }),
    },
  };
}

function filesOf(
  prefix: string,
  changes: readonly FileChange[],
): Pick<PrefixReview, "files" | "lines" | "binaries" | "executables"> {
  const count = (statuses: string) => changes.filter(({ status }) => statuses.includes(status)).length;
  const sum = (side: "added" | "removed") => changes.reduce((total, { lines }) => total + (lines?.[side] ?? 0), 0);
  const named = (list: readonly FileChange[]) => list.map(({ path }) => path.slice(prefix.length + 1));
  return {
    files: { added: count("A"), removed: count("D"), changed: count("MT") },
    lines: { added: sum("added"), removed: sum("removed") },
    binaries: named(changes.filter(({ lines, status }) => lines === undefined && status !== "D")),
    executables: named(changes.filter(({ mode }) => mode.after === "100755" && mode.before !== "100755")),
  };
}

function factsOf(was: PackageFacts, is: PackageFacts): Pick<PrefixReview, "dependencies" | "installScripts"> {
  const dependencies = differing(was.dependencies, is.dependencies);
  const scripts = differing(was.installScripts, is.installScripts);
  return {
    dependencies,
    installScripts: scripts.flatMap(({ to, ...rest }) => (to === undefined ? [] : [{ ...rest, to }])),
  };
}

function differing(
  was: ReadonlyMap<string, string>,
  is: ReadonlyMap<string, string>,
): { name: string; from?: string; to?: string }[] {
  const names = [...new Set([...is.keys(), ...was.keys()])].sort();
  return names
    .filter((name) => was.get(name) !== is.get(name))
    .map((name) => {
      const [from, to] = [was.get(name), is.get(name)];
      return { name, ...(from === undefined ? {} : { from }), ...(to === undefined ? {} : { to }) };
    });
}

/** @param squashTree what its squash holds; undefined where this clone lacks it */
function warningsOf({ before, after }: Entries, squashTree: string | undefined): string[] {
  const warnings: string[] = [];
  if (after === undefined) return warnings;
  if (before !== undefined && before.source !== after.source) {
    warnings.push(`it comes from elsewhere: ${before.source} before, ${after.source} now`);
  }
  if (before?.version !== undefined && before.version === after.version && before.tree !== after.tree) {
    warnings.push(`the same version ${after.version} holds other files than before`);
  }
  if (squashTree !== undefined && squashTree !== after.tree) {
    warnings.push(`its squash ${after.squash.slice(0, 9)} does not hold what ${manifestFile} records`);
  }
  return warnings;
}

/** Versions that the lock moved to and the manifest did not. */
async function notImported(git: Git, before: State, after: State): Promise<Review["notImported"]> {
  const lockAt = async ({ commit }: State) => lockPackages(await topFile(git, "package-lock.json", commit));
  const [was, is] = [await lockAt(before), await lockAt(after)];
  return Object.entries(is).flatMap(([place, { version, link }]) => {
    const held = after.manifest.prefixes[place];
    if (place === "" || link === true || version === undefined || version === was[place]?.version) return [];
    if (held?.version === version) return [];
    return [{ name: place, ...(held?.version === undefined ? {} : { from: held.version }), to: version }];
  });
}
