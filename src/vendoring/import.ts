import type { FlowContext } from "../core/context.ts";
import { Git } from "../core/git/index.ts";
import { committer, importing, type Imported, type TopBlob } from "./importer.ts";
import { formatManifest, manifestFile } from "./manifest.ts";
import { mergedTrees, type MergedTree } from "./merge.ts";
import { addMergeMessage, updateMergeMessage } from "./messages.ts";
import { squashAll, type Squashed } from "./squash.ts";
import { lookUp, nestedIn } from "./trees.ts";
import type { Change, Incoming, Manifest, Mirror, PrefixEntry } from "./types.ts";

export interface ImportPlan {
  incoming: readonly Incoming[];
  /** Prefixes that leave the mirror. */
  remove: readonly string[];
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

/**
 * Builds the commits of an import on top of the mirror's head: for each prefix upstream, squash and merge, as `git subtree` makes
 * them. Patches of ours are merged three ways. Nothing is published: the caller moves the branch.
 * @throws FlowError FLOW_VENDOR_CONFLICT naming the files when a patch and upstream contradict
 */
export async function buildImport(ctx: FlowContext, mirror: Mirror, plan: ImportPlan): Promise<ImportResult> {
  const git = new Git(ctx, mirror.dir);
  const { head = "" } = mirror;
  const branch = await git.text(["symbolic-ref", "--quiet", "--short", "HEAD"], { okCodes: [0, 1] });
  const by = await committer(ctx, git);
  const squashed = await squashAll(git, mirror, { incoming: plan.incoming, by });
  const manifest = manifestAfter(mirror, plan);
  const staying = Object.keys(manifest.prefixes);
  const trees = await mergedTrees(git, { head, squashed, prefixes: staying });
  const before = await treesAt(git, head, staying);
  const nestedPuts = (prefix: string) =>
    nestedIn(prefix, staying).flatMap((path) => {
      const tree = before.get(path);
      return tree === undefined ? [] : [{ path, tree }];
    });
  for (const item of squashed) manifest.prefixes[item.incoming.prefix] = entryOf(item, trees);
  const top = topBlobs(plan, manifest);
  const last = await importing(git, async (importer) => {
    let tip = head;
    if (plan.remove.length > 0) {
      const message = `Remove ${plan.remove.join(", ")}\n`;
      const puts = plan.remove.flatMap(nestedPuts);
      tip = await importer.pathCommit(ref, { parents: [tip], message, by, deletes: plan.remove, puts });
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
    if (squashed.length > 0) return tip;
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

async function treesAt(git: Git, head: string, prefixes: readonly string[]): Promise<Map<string, string>> {
  const trees = await lookUp(
    git,
    prefixes.map((prefix) => `${head}:${prefix}`),
  );
  return new Map(
    prefixes.flatMap((prefix, index) => (trees[index] === undefined ? [] : [[prefix, trees[index]] as const])),
  );
}

function topBlobs({ files, links }: ImportPlan, manifest: Manifest): TopBlob[] {
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
  { incoming, upstream, squash, previous }: Squashed,
  trees: ReadonlyMap<string, MergedTree>,
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

function changeOf({ incoming, previous }: Squashed, trees: ReadonlyMap<string, MergedTree>): Change {
  const { prefix, source, version, ref: wanted } = incoming;
  return {
    prefix,
    source,
    ...(previous === undefined ? {} : { from: previous.version ?? previous.ref }),
    to: version ?? wanted,
    patched: trees.get(prefix)?.patched ?? false,
  };
}
