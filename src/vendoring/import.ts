import type { FlowContext } from "../core/context.ts";
import { FlowError } from "../core/errors.ts";
import { Git } from "../core/git/index.ts";
import { formatManifest, manifestFile } from "./manifest.ts";
import { committer, importing, type CommitIdentity, type Imported } from "./importer.ts";
import {
  addMergeMessage,
  packageMessage,
  squashMessage,
  squashUpdateMessage,
  updateMergeMessage,
  upstreamRef,
} from "./messages.ts";
import { lookUp, nestedIn, patchedPaths } from "./trees.ts";
import type { Change, Incoming, Manifest, Mirror, PrefixEntry } from "./types.ts";

export interface ImportPlan {
  incoming: readonly Incoming[];
  /** Prefixes that leave the mirror. */
  remove: readonly string[];
  /** Files of the mirror's top that change with it. */
  files: Readonly<Record<string, string>>;
}

export interface ImportResult {
  head: string;
  manifest: Manifest;
  changes: Change[];
}

interface Squashed {
  incoming: Incoming;
  upstream: Imported;
  squash: string;
  previous: PrefixEntry | undefined;
}

/**
 * Builds the commits of an import on top of HEAD: for each prefix upstream, squash and merge, as `git subtree` makes
 * them. Patches of ours are merged three ways. Nothing is published: the caller moves the branch.
 * @throws FlowError FLOW_VENDOR_CONFLICT naming the files when a patch and upstream contradict
 */
export async function buildImport(ctx: FlowContext, mirror: Mirror, plan: ImportPlan): Promise<ImportResult> {
  const git = new Git(ctx, mirror.dir);
  const head = await git.text(["rev-parse", "HEAD"]);
  const by = await committer(ctx, git);
  const squashed = await squashAll(git, mirror, { incoming: plan.incoming, by });
  const manifest: Manifest = { version: 1, prefixes: { ...mirror.manifest.prefixes } };
  for (const prefix of plan.remove) delete manifest.prefixes[prefix];
  const trees = await mergedTrees(git, { head, squashed, manifest });
  const changes: Change[] = [];
  const last = await importing(git, async (importer) => {
    let tip = head;
    const all = Object.keys(manifest.prefixes);
    if (plan.remove.length > 0) {
      const message = `Remove ${plan.remove.join(", ")}\n`;
      const kept = plan.remove.flatMap((prefix) => nestedIn(prefix, all));
      tip = await importer.pathCommit("refs/flow/import/head", {
        parents: [tip],
        message,
        by,
        deletes: plan.remove,
        puts: await treesOf(git, head, kept),
      });
    }
    for (const [index, { incoming, upstream, squash, previous }] of squashed.entries()) {
      const { prefix } = incoming;
      const { tree, patched } = trees.get(prefix) as MergedTree;
      manifest.prefixes[prefix] = entryOf(incoming, { upstream, squash, patched });
      changes.push({
        prefix,
        source: incoming.source,
        ...(previous === undefined ? {} : { from: previous.version ?? previous.ref }),
        to: incoming.version ?? incoming.ref,
        patched,
      });
      const isLast = index === squashed.length - 1;
      tip = await importer.pathCommit("refs/flow/import/head", {
        parents: [tip, squash],
        message: previous === undefined ? addMergeMessage(prefix, squash) : updateMergeMessage(squash),
        by,
        // Putting a tree replaces the directory: prefixes nested in it come back right after.
        puts: [
          { path: prefix, tree },
          ...(await treesOf(
            git,
            head,
            nestedIn(prefix, Object.keys(mirror.manifest.prefixes)).filter(
              (other) => manifest.prefixes[other] !== undefined,
            ),
          )),
        ],
        blobs: isLast ? topFiles(plan, manifest) : [],
      });
    }
    if (squashed.length === 0)
      tip = await importer.pathCommit("refs/flow/import/head", {
        parents: [tip],
        message: "Record the mirror's contents\n",
        by,
        blobs: topFiles(plan, manifest),
      });
    return tip;
  });
  await git.run(["update-ref", "-d", "refs/flow/import/head"]);
  return { head: last, manifest, changes };
}

function topFiles({ files }: ImportPlan, manifest: Manifest): { path: string; text: string }[] {
  return [
    ...Object.entries(files).map(([path, text]) => ({ path, text })),
    { path: manifestFile, text: formatManifest(manifest) },
  ];
}

function entryOf(
  incoming: Incoming,
  { upstream, squash, patched }: { upstream: Imported; squash: string; patched: boolean },
): PrefixEntry {
  const { source, ref, version, integrity, licence } = incoming;
  return {
    source,
    ref,
    ...(version === undefined ? {} : { version }),
    commit: upstream.commit,
    tree: upstream.tree,
    ...(integrity === undefined ? {} : { integrity }),
    squash,
    licence,
    patched,
  };
}

/** Upstream commits of packages, then the squash of everything: two processes for any number of prefixes. */
async function squashAll(
  git: Git,
  mirror: Mirror,
  { incoming, by }: { incoming: readonly Incoming[]; by: CommitIdentity },
): Promise<Squashed[]> {
  const upstreams = await importing(git, async (importer) => {
    const made: Imported[] = [];
    for (const item of incoming) {
      const { prefix, content, subject, source, integrity = "", version = "" } = item;
      made.push(
        "files" in content
          ? await importer.upstreamCommit(
              upstreamRef(prefix, version),
              content.files,
              packageMessage({ subject, source, integrity }),
            )
          : content,
      );
    }
    return made;
  });
  const previous = incoming.map(({ prefix }) => mirror.manifest.prefixes[prefix]);
  const shorts = await abbreviate(git, [
    ...upstreams.map(({ commit }) => commit),
    ...previous.flatMap((entry) => (entry === undefined ? [] : [entry.commit])),
  ]);
  const logs = new Map<string, { log: string[]; reverted: string[] }>();
  for (const [index, item] of incoming.entries()) {
    const old = previous[index];
    if (old !== undefined)
      logs.set(item.prefix, await upstreamLog(git, { old, item, upstream: upstreams[index] as Imported, shorts }));
  }
  const squashes = await importing(git, async (importer) => {
    const made: string[] = [];
    for (const [index, { prefix }] of incoming.entries()) {
      const { commit, tree } = upstreams[index] as Imported;
      const old = previous[index];
      const to = { commit, short: shorts.get(commit) as string };
      const log = logs.get(prefix);
      const message =
        old === undefined || log === undefined
          ? squashMessage(prefix, to)
          : squashUpdateMessage(prefix, { from: { short: shorts.get(old.commit) as string }, to, ...log });
      made.push(
        await importer.treeCommit("refs/flow/import/squash", {
          tree,
          message,
          by,
          ...(old === undefined ? {} : { parent: old.squash }),
        }),
      );
    }
    return made;
  });
  if (incoming.length > 0) await git.run(["update-ref", "-d", "refs/flow/import/squash"]);
  return incoming.map((item, index) => ({
    incoming: item,
    upstream: upstreams[index] as Imported,
    squash: squashes[index] as string,
    previous: previous[index],
  }));
}

async function abbreviate(git: Git, commits: readonly string[]): Promise<Map<string, string>> {
  if (commits.length === 0) return new Map();
  const unique = [...new Set(commits)];
  const found = await git.run(["rev-parse", "--short", ...unique], { okCodes: [0, 128] });
  const shorts = found.exitCode === 0 ? found.stdout.trim().split("\n") : [];
  // An upstream commit that this clone lacks is shortened as git shortens one that nothing resembles.
  return new Map(unique.map((commit, index) => [commit, shorts[index] ?? commit.slice(0, 7)]));
}

/** What `git log old..new` and `new..old` say. Commits made of tarballs have no history: each side is the commit itself. */
async function upstreamLog(
  git: Git,
  {
    old,
    item,
    upstream,
    shorts,
  }: { old: PrefixEntry; item: Incoming; upstream: Imported; shorts: ReadonlyMap<string, string> },
): Promise<{ log: string[]; reverted: string[] }> {
  if (old.commit === upstream.commit) return { log: [], reverted: [] };
  if ("files" in item.content) {
    const name = item.source.replace(/^(npm|release):/, "");
    return {
      log: [`${shorts.get(upstream.commit)} ${item.subject}`],
      reverted: [`${shorts.get(old.commit)} ${name} ${old.version ?? old.ref}`],
    };
  }
  const range = async (from: string, to: string) => {
    const result = await git.run(["log", "--no-show-signature", "--pretty=tformat:%h %s", `${from}..${to}`], {
      okCodes: [0, 128],
    });
    return result.exitCode === 0 ? result.stdout.split("\n").filter(Boolean) : [];
  };
  return { log: await range(old.commit, upstream.commit), reverted: await range(upstream.commit, old.commit) };
}

interface MergedTree {
  tree: string;
  patched: boolean;
}

/** What each prefix will hold: upstream's tree, or its merge with the patches of ours. */
async function mergedTrees(
  git: Git,
  { head, squashed, manifest }: { head: string; squashed: readonly Squashed[]; manifest: Manifest },
): Promise<Map<string, MergedTree>> {
  const result = new Map<string, MergedTree>();
  const current = await lookUp(
    git,
    squashed.map(({ incoming }) => `${head}:${incoming.prefix}`),
  );
  const conflicts: string[] = [];
  for (const [index, { incoming, upstream, squash, previous }] of squashed.entries()) {
    const ours = current[index];
    const { prefix } = incoming;
    if (previous === undefined || ours === undefined || ours === previous.tree) {
      if (
        previous === undefined &&
        ours !== undefined &&
        (
          await patchedPaths(git, {
            commit: head,
            prefix,
            tree: upstream.tree,
            nested: nestedIn(prefix, Object.keys(manifest.prefixes)),
          })
        ).length > 0
      ) {
        throw new FlowError(
          "FLOW_VENDOR_BAD_PREFIX",
          `${prefix} exists in the mirror already and comes from no source`,
          { hint: "choose another with --prefix, or move the directory away" },
        );
      }
      result.set(prefix, { tree: upstream.tree, patched: false });
      continue;
    }
    const nested = nestedIn(prefix, Object.keys(manifest.prefixes));
    const patched = await patchedPaths(git, { commit: head, prefix, tree: previous.tree, nested });
    if (patched.length === 0) {
      result.set(prefix, { tree: upstream.tree, patched: false });
      continue;
    }
    // merge-tree takes commits: ours stands on the squash that the patches were made on.
    const side = await git.text([
      "-c",
      "user.name=flow",
      "-c",
      "user.email=flow@localhost",
      "commit-tree",
      ours,
      "-p",
      previous.squash,
      "-m",
      "ours",
    ]);
    const merged = await git.run(["merge-tree", "--write-tree", "--name-only", "--no-messages", "-z", side, squash], {
      okCodes: [0, 1],
    });
    const [tree = "", ...files] = merged.stdout.split("\0");
    if (merged.exitCode === 1) conflicts.push(...files.filter(Boolean).map((file) => `${prefix}/${file}`));
    else result.set(prefix, { tree: tree.trim(), patched: true });
  }
  if (conflicts.length > 0) {
    throw new FlowError(
      "FLOW_VENDOR_CONFLICT",
      `patches of ours and upstream contradict in:\n${conflicts.map((file) => `  ${file}`).join("\n")}`,
      {
        hint: "nothing was changed. Take the patch of these files out (or make it fit) and commit, then update again",
        details: { files: conflicts },
      },
    );
  }
  return result;
}

async function treesOf(git: Git, head: string, prefixes: readonly string[]): Promise<{ path: string; tree: string }[]> {
  const trees = await lookUp(
    git,
    prefixes.map((prefix) => `${head}:${prefix}`),
  );
  return prefixes.flatMap((path, index) => (trees[index] === undefined ? [] : [{ path, tree: trees[index] }]));
}
