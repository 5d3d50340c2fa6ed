import { FlowError } from "../../core/errors.ts";
import { type Git, identityEnvironment } from "../../core/git/index.ts";
import { committedManifest } from "../manifest.ts";
import { describeChange } from "./describe.ts";
import { readProposals, recordProposal } from "./proposals.ts";
import { pushRefs, refusals } from "./push-refs.ts";
import type { SharedMirror } from "./remote.ts";
import { takeTheirs, type ShareResult } from "./sync.ts";

/** How the branch of a proposal is made. */
export interface ProposeOptions {
  /**
   * Push the mirror's own commits, with git subtree's squashes and merges, instead of one commit that holds their result.
   * For a forge that merges with a merge commit: flattened by a rebase, a squash would spill upstream's files at the top.
   */
  history: boolean;
  progress: (line: string) => void;
}

/**
 * Pushes the mirror's state to a branch of its own, for a pull request. It is one plain commit on top of the protected
 * branch, which a merge, a squash and a rebase by the forge all carry over whole; the commits behind it go to
 * `refs/flow/history/`, where the next update finds them.
 * @returns undefined when the protected branch holds all of it already
 * @throws FlowError FLOW_VENDOR_REJECTED when the remote takes no branch either
 */
export async function propose(
  shared: SharedMirror,
  { history, progress }: ProposeOptions,
): Promise<NonNullable<ShareResult["proposal"]> | undefined> {
  const { git, mirror, branch: target } = shared;
  const head = await takeTheirs(shared);
  const base = await git.text(["rev-parse", `refs/remotes/${mirror.remote}/${target}`]);
  if ((await git.text(["rev-parse", `${head}^{tree}`])) === (await git.text(["rev-parse", `${base}^{tree}`]))) {
    return undefined;
  }
  const open = (await readProposals(git)).findLast((proposal) => proposal.base === base);
  const parent = open?.commit ?? base;
  const commit = history ? head : await plainCommit(git, head, parent);
  const branch = open !== undefined && !history ? open.branch : `flow/vendor-${head.slice(0, 9)}`;
  const said = await pushRefs(shared, {
    refspecs: [
      `${commit}:refs/heads/${branch}`,
      `${head}:refs/flow/history/${head}`,
      "refs/flow/upstream/*:refs/flow/upstream/*",
    ],
    progress,
  });
  const refused = refusals(said).find(({ ref }) => ref === `refs/heads/${branch}`);
  if (refused !== undefined) throw rejected(said.text);
  await recordProposal(git, { branch, base, commit, head });
  const url = pullRequestUrl(said.text, await git.text(["remote", "get-url", mirror.remote]), { branch, target });
  return { branch, commit, ...(url === undefined ? {} : { url }) };
}

/** The mirror's tree on top of `parent`. The same head gives the same commit, so that a second push changes nothing. */
async function plainCommit(git: Git, head: string, parent: string): Promise<string> {
  if ((await git.text(["rev-parse", `${parent}^{tree}`])) === (await git.text(["rev-parse", `${head}^{tree}`])))
    return parent;
  const message = describeChange(await committedManifest(git, parent), await committedManifest(git, head));
  const date = await git.text(["log", "-1", "--format=%ct +0000", head]);
  return await git.text(["commit-tree", `${head}^{tree}`, "-p", parent], {
    input: message,
    env: { ...(await identityEnvironment(git)), GIT_AUTHOR_DATE: date, GIT_COMMITTER_DATE: date },
  });
}

/** Where the forge itself says that a pull request is opened, else where the known ones have it. */
function pullRequestUrl(
  said: string,
  remote: string,
  { branch, target }: { branch: string; target: string },
): string | undefined {
  const told = /^remote:\s+(https?:\/\/\S+)\s*$/m.exec(said)?.[1];
  if (told !== undefined) return told;
  const match =
    /^(?:https?:\/\/(?:[^@/]+@)?|ssh:\/\/(?:[^@/]+@)?|[^@/:]+@)([^/:]+)(?::\d+)?[/:](.+?)(?:\.git)?\/?$/.exec(remote);
  if (match === null) return undefined;
  const [, host = "", path = ""] = match;
  const [from, to] = [encodeURIComponent(branch), encodeURIComponent(target)];
  if (/gitlab/.test(host)) {
    return `https://${host}/${path}/-/merge_requests/new?merge_request%5Bsource_branch%5D=${from}&merge_request%5Btarget_branch%5D=${to}`;
  }
  if (/bitbucket/.test(host)) return `https://${host}/${path}/pull-requests/new?source=${from}&dest=${to}`;
  return `https://${host}/${path}/compare/${target}...${branch}`;
}

export function rejected(said: string): FlowError {
  const reason = said
    .split("\n")
    .filter((line) => /remote:|error:|fatal:|rejected|denied/.test(line))
    .join("\n");
  const shallow = /shallow update not allowed/.test(said);
  const cutOff = /hung up unexpectedly|unexpected disconnect|early EOF|Connection reset|Broken pipe/.test(said);
  return new FlowError("FLOW_VENDOR_REJECTED", "the remote did not take the push", {
    cause: reason || said.trim(),
    hint: shallow
      ? "this clone does not hold the whole history: git fetch --unshallow, then push again"
      : cutOff
        ? "nothing was lost: your commits are in the mirror here, and the next push goes on from what has arrived"
        : "nothing was lost: your commits are in the mirror here. Mend what it says and push again",
  });
}
