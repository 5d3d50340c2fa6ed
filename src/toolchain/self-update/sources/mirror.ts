import type { Workspace } from "../../../config/index.ts";
import type { FlowContext } from "../../../core/context.ts";
import { Git } from "../../../core/git/index.ts";
import { bringTrees, fetchMirror, upstreamRef } from "../../../vendoring/index.ts";
import { exportTrees } from "../../export-trees.ts";
import { flowPrefix } from "../../flow/prefix.ts";
import type { FindRelease, FoundRelease } from "./source.ts";

/**
 * Releases in the mirror: the one at the remote's head, and for a version by name those that it ever held. Fetches,
 * and leaves the mirror's work tree alone.
 * @throws FlowError FLOW_VENDOR_FETCH
 */
export async function mirrorReleases(ctx: FlowContext, { paths }: Workspace): Promise<FindRelease> {
  const { dir, commit, manifest } = await fetchMirror(ctx, paths.mirror);
  const git = new Git(ctx, dir);
  const head = manifest.prefixes[flowPrefix]?.version;
  const release = (version: string, tree: string): FoundRelease => ({
    version,
    from: "the mirror",
    fill: async (directory) => {
      await bringTrees(ctx, dir, [tree]);
      await exportTrees(git, [{ tree, place: "" }], directory);
    },
  });
  return async ({ to, channel }) => {
    const refs = upstreamRef(flowPrefix, "");
    const listed = await git.text(["for-each-ref", "--format=%(refname)", refs]);
    const others = listed.split("\n").flatMap((ref) => (ref === "" ? [] : [ref.slice(refs.length)]));
    if (head !== undefined && (to === undefined ? fits(head, channel) : to === head))
      return { release: release(head, `${commit}:${flowPrefix}`), others };
    if (to === undefined) return { release: undefined, others: head === undefined ? others : [head] };
    if (!others.includes(to)) return { release: undefined, others };
    return { release: release(to, `${upstreamRef(flowPrefix, to)}^{tree}`), others };
  };
}

function fits(version: string, channel: "stable" | "next"): boolean {
  return channel === "next" || !version.includes("-");
}
