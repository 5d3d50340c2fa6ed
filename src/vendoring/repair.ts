import type { FlowContext } from "../core/context.ts";
import { Git } from "../core/git/index.ts";
import { refusePending } from "./conflict/state.ts";
import { detachedPrefixes, type Detached } from "./detached.ts";
import { bringUpstreams } from "./history-objects.ts";
import { committer, importing } from "./importer.ts";
import { formatManifest, manifestFile } from "./manifest.ts";
import { addMergeMessage, squashMessage } from "./messages.ts";
import { openMirror, withMirrorLock } from "./mirror.ts";
import { publish } from "./publish.ts";
import { unknownSource } from "./sources.ts";
import { lookUp } from "./trees.ts";
import type { Manifest, Mirror, PrefixEntry } from "./types.ts";

export interface RepairResult {
  repaired: Detached[];
  /** Prefixes whose upstream commit is nowhere to be had. */
  left: Detached[];
  head: string;
}

/**
 * Brings squashes back into the branch's history that a forge left out, so that `git subtree` by hand works again: a new squash of
 * each prefix, merged. No file changes. What upstream had is taken from the mirror's remote where it is not here.
 */
export async function repairMirror(
  ctx: FlowContext,
  dir: string,
  { dryRun = false }: { dryRun?: boolean } = {},
): Promise<RepairResult> {
  const { dir: top } = await openMirror(ctx, dir);
  return await withMirrorLock(ctx, top, "repairing the mirror's history", async () => {
    const git = new Git(ctx, top);
    await refusePending(git);
    const mirror = await openMirror(ctx, top);
    const detached = await detachedPrefixes(git, mirror);
    await bringUpstreams(
      ctx,
      mirror,
      detached.map(({ commit }) => commit),
    );
    const trees = await lookUp(
      git,
      detached.map(({ commit }) => `${commit}^{tree}`),
    );
    const able = detached.flatMap((item, index) =>
      trees[index] === undefined ? [] : [{ ...item, tree: trees[index] }],
    );
    const left = detached.filter((_, index) => trees[index] === undefined);
    const repaired = able.map(({ tree: _tree, ...item }) => item);
    const head = mirror.head as string;
    if (dryRun || able.length === 0) return { repaired, left, head };
    const made = await mergeSquashes(git, mirror, able);
    await publish(git, { from: head, to: made });
    return { repaired, left, head: made };
  });
}

type Able = Detached & { tree: string };

async function mergeSquashes(git: Git, mirror: Mirror, able: readonly Able[]): Promise<string> {
  const head = mirror.head as string;
  const by = { text: await after(git, head, (await committer(git)).text) };
  const manifest: Manifest = { version: 1, prefixes: { ...mirror.manifest.prefixes } };
  const ref = "refs/flow/import/head";
  const last = await importing(git, async (importer) => {
    let tip = head;
    for (const [index, { prefix, commit, tree }] of able.entries()) {
      const message = squashMessage(prefix, { commit, short: commit.slice(0, 7) });
      const squash = await importer.treeCommit("refs/flow/import/squash", { tree, message, by });
      manifest.prefixes[prefix] = entryOf(mirror.manifest.prefixes[prefix], { commit, tree, squash });
      const text = formatManifest(manifest);
      tip = await importer.pathCommit(ref, {
        parents: [tip, squash],
        message: addMergeMessage(prefix, squash),
        by,
        blobs: index === able.length - 1 ? [{ path: manifestFile, text, mode: "100644" }] : [],
      });
    }
    return tip;
  });
  for (const name of [ref, "refs/flow/import/squash"]) await git.run(["update-ref", "-d", name]);
  return last;
}

function entryOf(
  before: PrefixEntry | undefined,
  { commit, tree, squash }: Pick<PrefixEntry, "commit" | "tree" | "squash">,
): PrefixEntry {
  const unknown = { source: unknownSource, ref: commit, licence: "NONE", patched: false };
  return { ...(before ?? unknown), commit, tree, squash };
}

/** `git subtree` takes the first squash in `git log`, which goes by time: the new ones must be later than all there is. */
async function after(git: Git, head: string, identity: string): Promise<string> {
  const latest = Number(await git.text(["log", "-1", "--format=%ct", head]));
  return identity.replace(
    /(\d+) ([+-]\d{4})$/,
    (_, seconds: string, zone: string) => `${Math.max(Number(seconds), latest + 1)} ${zone}`,
  );
}
