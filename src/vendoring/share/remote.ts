import type { FlowContext } from "../../core/context.ts";
import { FlowError, isFlowError } from "../../core/errors.ts";
import { Git } from "../../core/git/index.ts";
import { networkTimeoutMs } from "../../core/network-timeout.ts";
import { bringTopFiles, releaseRefspecs } from "../clone/bring.ts";
import { cloneState } from "../clone/state.ts";
import { refusePending } from "../conflict/state.ts";
import { historyRefspecs } from "../history-objects.ts";
import { openMirror } from "../mirror.ts";
import type { Mirror } from "../types.ts";

/** A mirror with where it is shared. */
export interface SharedMirror {
  ctx: FlowContext;
  git: Git;
  mirror: Mirror & { readonly remote: string };
  /** Branch that is shared: the one that is checked out. */
  branch: string;
}

/** @throws FlowError FLOW_VENDOR_REJECTED without a remote, FLOW_VENDOR_CONFLICT while a conflict waits */
export async function openShared(ctx: FlowContext, dir: string): Promise<SharedMirror> {
  const mirror = await openMirror(ctx, dir);
  const git = new Git(ctx, mirror.dir);
  await refusePending(git);
  const { remote } = mirror;
  if (remote === undefined) {
    throw new FlowError("FLOW_VENDOR_REJECTED", `the mirror ${mirror.dir} has no remote`, {
      hint: `git -C ${mirror.dir} remote add origin URL`,
    });
  }
  const branch = await git.text(["symbolic-ref", "--short", "HEAD"], { okCodes: [0, 1, 128] });
  if (branch === "") {
    throw new FlowError("FLOW_VENDOR_DIRTY", `the mirror ${mirror.dir} is on no branch`, {
      hint: "git checkout main, then run the command again",
    });
  }
  return { ctx, git, mirror: { ...mirror, remote }, branch };
}

/** Commit of the branch at the remote; undefined when it has no such branch. */
export async function remoteHead(shared: SharedMirror): Promise<string | undefined> {
  return (await remoteState(shared)).head;
}

/** The branch at the remote, and the commits that pushes in several packs, cut off or under way, brought there. */
export async function remoteState({
  ctx,
  git,
  mirror,
  branch,
}: SharedMirror): Promise<{ head: string | undefined; arrived: string[] }> {
  const wanted = [`refs/heads/${branch}`, "refs/flow/pushing/*"];
  const listed = await reached(
    git.text(["ls-remote", "--", mirror.remote, ...wanted], { idleTimeoutMs: networkTimeoutMs(ctx) }),
  );
  const refs = new Map(listed.split("\n").map((line) => line.split("\t").reverse() as [string, string]));
  const arrived = [...refs].filter(([ref]) => ref.startsWith("refs/flow/pushing/")).map(([, commit]) => commit);
  return { head: refs.get(`refs/heads/${branch}`), arrived };
}

/** Fetches the branch into its remote-tracking reference, with the upstream commits that others pushed; gives its commit. */
export async function fetchBranch({ ctx, git, mirror, branch }: SharedMirror): Promise<string> {
  const { remote } = mirror;
  const tracking = `refs/remotes/${remote}/${branch}`;
  // A lean clone takes the upstream commits that it needs when it needs them; releases alone are looked for by name.
  const { shallow, partial } = await cloneState(git);
  const beside = shallow || partial ? releaseRefspecs(mirror) : historyRefspecs;
  const refspecs = [...beside, `+refs/heads/${branch}:${tracking}`];
  await reached(
    git.run(
      ["fetch", "--quiet", "--no-tags", "--no-prune", "--no-write-fetch-head", "--progress", "--", remote, ...refspecs],
      {
        idleTimeoutMs: networkTimeoutMs(ctx),
      },
    ),
  );
  const commit = await git.text(["rev-parse", tracking]);
  await bringTopFiles(ctx, git, { commit, remote });
  return commit;
}

/** @throws FlowError FLOW_VENDOR_FETCH instead of git's own failure */
async function reached<T>(work: Promise<T>): Promise<T> {
  return await work.catch((error: unknown) => {
    if (!isFlowError(error) || !["FLOW_GIT_FAILED", "FLOW_TIMEOUT"].includes(error.code)) throw error;
    throw new FlowError("FLOW_VENDOR_FETCH", "the mirror's remote is out of reach", {
      cause: error.code === "FLOW_TIMEOUT" ? error : error.cause,
      hint: "check the network and your access to it",
    });
  });
}
