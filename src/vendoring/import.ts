import type { FlowContext } from "../core/context.ts";
import { Git } from "../core/git/index.ts";
import { bringSquashes } from "./history-objects.ts";
import { committer, importing, type Imported, type TopBlob } from "./importer.ts";
import { formatManifest, manifestFile } from "./manifest.ts";
import { mergedTrees, type MergedTree } from "./merge.ts";
import { addMergeMessage, updateMergeMessage } from "./messages.ts";
import { squashAll, type Squashed } from "./squash.ts";
import { nestedPrefixes, treesIn } from "./trees.ts";
import type { Change, Incoming, Manifest, Mirror, PrefixEntry } from "./types.ts";

export interface ImportPlan {
  incoming: readonly Incoming[];
  /** Prefixes that leave the mirror. */
  remove: readonly string[];
  /** Links outside of every prefix that leave with them. */
  unlink?: readonly string[];
  /** Prefixes whose content stays and whose wanted ref changes. */
  refs: Readonly<Record<string, string>>;
  /** Files outside of every prefix that change with it, by path. */
  files: Readonly<Record<string, string>>;
  /** Symbolic links outside of every prefix, by path, with their targets. */
  links: Readonly<Record<string, string>>;
}

export interface ImportResult {
  head: string;
  manifest: Manifest;
  changes: Change[];
}

const ref = "refs/flow/import/head";

/** A squash as the commits of an import need it: without the files that it was made of. */
export type SquashedEntry = Omit<Squashed, "incoming"> & { incoming: Omit<Incoming, "content"> };

/** An import whose upstream and squash commits are made, and whose merges are known. It is plain data. */
export interface PreparedImport {
  /** Commit that it stands on. */
  head: string;
  branch: string;
  squashed: SquashedEntry[];
  remove: readonly string[];
  unlink: readonly string[];
  /** The manifest without what the squashes bring. */
  manifest: Manifest;
  files: Readonly<Record<string, string>>;
  links: Readonly<Record<string, string>>;
}

/** Makes the upstream and squash commits of an import, and merges patches of ours three ways. Nothing is published. */
export async function prepareImport(
  ctx: FlowContext,
  mirror: Mirror,
  plan: ImportPlan,
): Promise<{ prepared: PreparedImport; trees: Map<string, MergedTree> }> {
  const git = new Git(ctx, mirror.dir);
  const { head = "" } = mirror;
  const branch = await git.text(["symbolic-ref", "--quiet", "--short", "HEAD"], { okCodes: [0, 1] });
  await bringSquashes(
    ctx,
    mirror,
    plan.incoming.flatMap(({ prefix }) => mirror.manifest.prefixes[prefix]?.squash ?? []),
  );
  const squashed = await squashAll(git, mirror, { incoming: plan.incoming, by: await committer(git) });
  const manifest = manifestAfter(mirror, plan);
  const prefixes = [...Object.keys(manifest.prefixes), ...plan.incoming.map(({ prefix }) => prefix)];
  const trees = await mergedTrees(git, { head, squashed, prefixes });
  const slim = squashed.map(({ incoming: { content: _content, ...incoming }, ...rest }) => ({ ...rest, incoming }));
  const { remove, unlink = [], files, links } = plan;
  return { prepared: { head, branch, squashed: slim, remove, unlink, manifest, files, links }, trees };
}

/**
 * Builds the commits of an import on top of the mirror's head: what leaves, then for each prefix a merge of its squash, as
 * `git subtree` makes them. Nothing is published: the caller moves the branch.
 * @param trees what each squashed prefix will hold
 */
export async function commitImport(
  git: Git,
  { prepared, trees }: { prepared: PreparedImport; trees: ReadonlyMap<string, Pick<MergedTree, "tree" | "patched">> },
): Promise<ImportResult> {
  const { head, branch, squashed, remove, unlink } = prepared;
  const by = await committer(git);
  const prefixes = { ...prepared.manifest.prefixes };
  const manifest: Manifest = { version: 1, prefixes };
  const staying = Object.keys(prefixes);
  const before = await treesIn(git, head, staying);
  const coming = squashed.map(({ incoming }) => incoming.prefix);
  const nested = nestedPrefixes([...new Set([...staying, ...remove, ...coming])]);
  const nestedPuts = (prefix: string) =>
    (nested.get(prefix) ?? []).flatMap((path) => {
      const tree = before.get(path);
      return tree === undefined ? [] : [{ path, tree }];
    });
  for (const item of squashed) prefixes[item.incoming.prefix] = entryOf(item, trees);
  const top = topBlobs(prepared, manifest);
  const last = await importing(git, async (importer) => {
    let tip = head;
    if (remove.length > 0) {
      const message = `Remove ${remove.join(", ")}\n`;
      const puts = remove.flatMap(nestedPuts);
      const blobs = squashed.length === 0 ? top : [];
      const deletes = [...remove, ...unlink];
      tip = await importer.pathCommit(ref, { parents: [tip], message, by, deletes, puts, blobs });
    }
    for (const [index, { incoming, squash, previous }] of squashed.entries()) {
      const { prefix } = incoming;
      const { tree } = trees.get(prefix) as MergedTree;
      tip = await importer.pathCommit(ref, {
        parents: [tip, squash],
        message: previous === undefined ? addMergeMessage(prefix, squash) : updateMergeMessage(squash, branch),
        by,
        // Putting a tree replaces the directory: prefixes nested in it come back right after.
        puts: [{ path: prefix, tree }, ...nestedPuts(prefix)],
        blobs: index === squashed.length - 1 ? top : [],
      });
    }
    if (squashed.length > 0 || remove.length > 0) return tip;
    const message = "Record what the mirror holds\n";
    return await importer.pathCommit(ref, { parents: [tip], message, by, blobs: top });
  });
  await git.run(["update-ref", "-d", ref]);
  return { head: last, manifest, changes: squashed.map((item) => changeOf(item, trees)) };
}

function manifestAfter({ manifest }: Mirror, { remove, refs }: ImportPlan): Manifest {
  const entries = Object.entries(manifest.prefixes)
    .filter(([prefix]) => !remove.includes(prefix))
    .map(([prefix, entry]): [string, PrefixEntry] => [prefix, { ...entry, ref: refs[prefix] ?? entry.ref }]);
  return { version: 1, prefixes: Object.fromEntries(entries) };
}

function topBlobs({ files, links }: PreparedImport, manifest: Manifest): TopBlob[] {
  const blob =
    (mode: TopBlob["mode"]) =>
    ([path, text]: [string, string]) => ({ path, text, mode });
  return [
    ...Object.entries(files).map(blob("100644")),
    ...Object.entries(links).map(blob("120000")),
    { path: manifestFile, text: formatManifest(manifest), mode: "100644" },
  ];
}

function entryOf(
  { incoming, upstream, squash, previous }: SquashedEntry,
  trees: ReadonlyMap<string, Pick<MergedTree, "patched">>,
): PrefixEntry {
  const { source, ref: wanted, version, integrity, licence, prefix } = incoming;
  const { commit, tree }: Imported = upstream;
  return {
    source,
    ref: wanted,
    ...(version === undefined ? {} : { version }),
    commit,
    tree,
    ...(integrity === undefined ? {} : { integrity }),
    squash,
    licence,
    ...(previous?.include === undefined ? {} : { include: previous.include }),
    ...(previous?.exclude === undefined ? {} : { exclude: previous.exclude }),
    patched: trees.get(prefix)?.patched ?? false,
  };
}

function changeOf(
  { incoming, previous }: SquashedEntry,
  trees: ReadonlyMap<string, Pick<MergedTree, "patched">>,
): Change {
  const { prefix, source, version, ref: wanted } = incoming;
  return {
    prefix,
    source,
    ...(previous === undefined ? {} : { from: previous.version ?? previous.ref }),
    to: version ?? wanted,
    patched: trees.get(prefix)?.patched ?? false,
  };
}
