import type { FlowContext } from "../core/context.ts";
import { FlowError } from "../core/errors.ts";
import { Git } from "../core/git/index.ts";
import { isShallow } from "./clone/state.ts";
import { refusePending } from "./conflict/state.ts";
import { detachedPrefixes, type Detached } from "./detached.ts";
import { committer, importing } from "./importer.ts";
import { rebuildManifest } from "./history.ts";
import { formatManifest, manifestFile } from "./manifest.ts";
import { locateMirror, withMirrorLock } from "./mirror.ts";
import { publish } from "./publish.ts";
import { topFile } from "./trees.ts";
import type { Mirror } from "./types.ts";

export interface RebuildResult {
  /** Prefixes that the manifest holds now. */
  prefixes: number;
  changed: boolean;
  head: string;
}

/** What `git subtree` by hand would stumble over; nothing in a shallow clone. Needs no network. */
export async function examineMirror(ctx: FlowContext, mirror: Mirror): Promise<Detached[]> {
  return await detachedPrefixes(new Git(ctx, mirror.dir), mirror);
}

/**
 * Writes the manifest anew from the mirror's history and commits it, for when it is lost or broken.
 * @throws FlowError FLOW_VENDOR_SHALLOW in a clone without the history
 */
export async function rebuildMirror(
  ctx: FlowContext,
  dir: string,
  { dryRun = false }: { dryRun?: boolean } = {},
): Promise<RebuildResult> {
  const git = new Git(ctx, await locateMirror(ctx, dir));
  return await withMirrorLock(ctx, git.dir, "rebuilding the manifest", async () => {
    await refusePending(git);
    if (await isShallow(git)) {
      throw new FlowError(
        "FLOW_VENDOR_SHALLOW",
        "this clone of the mirror lacks the history that tells what it holds",
        {
          hint: "git fetch --unshallow here, or rebuild it in a whole clone and push it; flow vendor sync brings it then",
        },
      );
    }
    const head = await git.text(["rev-parse", "HEAD"]);
    const manifest = await rebuildManifest(git, head);
    const text = formatManifest(manifest);
    const prefixes = Object.keys(manifest.prefixes).length;
    const changed = (await topFile(git, manifestFile, head)) !== text;
    if (!changed || dryRun) return { prefixes, changed, head };
    const by = await committer(git);
    const made = await importing(git, (importer) =>
      importer.pathCommit("refs/flow/import/head", {
        parents: [head],
        message: "Rebuild the manifest from the mirror's history\n",
        by,
        blobs: [{ path: manifestFile, text, mode: "100644" }],
      }),
    );
    await git.run(["update-ref", "-d", "refs/flow/import/head"]);
    await publish(git, { from: head, to: made });
    return { prefixes, changed, head: made };
  });
}
