import type { FlowContext } from "../../core/context.ts";
import { step } from "../../core/events.ts";
import { bringCommit } from "../clone/bring.ts";
import { committedManifest } from "../manifest.ts";
import { withMirrorLock } from "../mirror.ts";
import { publish } from "../publish.ts";
import type { Manifest } from "../types.ts";
import { mergeHeads } from "./merge-heads.ts";
import { landedProposal, settleProposals } from "./proposals.ts";
import { fetchBranch, openShared, remoteHead, type SharedMirror } from "./remote.ts";

export interface ShareResult {
  remote: string;
  branch: string;
  /** Head before: the remote's for a push (undefined when it had no such branch), the mirror's own for a sync. */
  from: string | undefined;
  head: string;
  /** Where the push went because the branch is protected. */
  proposal?: { branch: string; commit: string; url?: string };
}

export interface ShareOptions {
  /** Tell what would go or come, and change nothing. */
  dryRun?: boolean;
}

/**
 * Brings the mirror up to date with its remote; commits of ours are merged with theirs.
 * @throws FlowError FLOW_VENDOR_FETCH, FLOW_VENDOR_CONFLICT when both changed the same lines
 */
export async function syncMirror(
  ctx: FlowContext,
  dir: string,
  { dryRun = false }: ShareOptions = {},
): Promise<ShareResult> {
  const shared = await openShared(ctx, dir);
  const { git, mirror, branch } = shared;
  const { remote } = mirror;
  if (dryRun) {
    const from = await git.text(["rev-parse", "HEAD"]);
    return { remote, branch, from, head: (await remoteHead(shared)) ?? from };
  }
  return await withMirrorLock(ctx, mirror.dir, "bringing the mirror up to date", () =>
    step(ctx, { id: "vendor.sync", title: "Bringing the mirror up to date" }, async ({ result }) => {
      const from = await git.text(["rev-parse", "HEAD"]);
      const head = await takeTheirs(shared);
      result(head === from ? "nothing new" : `${from.slice(0, 9)} → ${head.slice(0, 9)}`);
      return { remote, branch, from, head };
    }),
  );
}

export interface FetchedMirror {
  /** Its work tree, whose objects hold `commit`. */
  dir: string;
  /** What a sync would take: the remote's head, or ours when that is in it already. */
  commit: string;
  manifest: Manifest;
}

/**
 * What the mirror's remote has now, fetched and not taken: no branch moves and no file changes.
 * @throws FlowError FLOW_VENDOR_FETCH when it is out of reach
 */
export async function fetchMirror(ctx: FlowContext, dir: string): Promise<FetchedMirror> {
  const shared = await openShared(ctx, dir);
  const { git, mirror } = shared;
  const theirs = await fetchBranch(shared);
  const ours = await git.text(["rev-parse", "HEAD"]);
  const commit = (await git.test(["merge-base", "--is-ancestor", theirs, ours])) ? ours : theirs;
  return { dir: mirror.dir, commit, manifest: await committedManifest(git, commit) };
}

/**
 * Merges what the remote has into the mirror; gives the new head. A proposal that a forge has merged, squashed or rebased
 * counts as what both sides began with: its commits are new ones, and its content is ours.
 */
export async function takeTheirs(shared: SharedMirror): Promise<string> {
  const { ctx, git, mirror } = shared;
  const theirs = await fetchBranch(shared);
  const ours = await git.text(["rev-parse", "HEAD"]);
  if (await git.test(["merge-base", "--is-ancestor", theirs, ours])) return ours;
  const forward = await git.test(["merge-base", "--is-ancestor", ours, theirs]);
  const landed = forward ? undefined : await landedProposal(git, { ours, theirs });
  const to = forward ? theirs : await mergeHeads(git, { ours, theirs, base: landed?.commit });
  await bringCommit(ctx, git, { commit: to, remote: mirror.remote });
  await publish(git, { from: ours, to });
  await settleProposals(git, theirs);
  return to;
}
