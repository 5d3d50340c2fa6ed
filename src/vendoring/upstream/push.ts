import type { FlowContext } from "../../core/context.ts";
import { FlowError, isFlowError } from "../../core/errors.ts";
import { step } from "../../core/events.ts";
import { Git } from "../../core/git/index.ts";
import { networkTimeoutMs } from "../../core/network-timeout.ts";
import { openMirror } from "../mirror.ts";
import { isGit } from "../sources.ts";
import { checkRef, checkUrl } from "../specs.ts";
import { nestedIn } from "../trees.ts";
import { findPrefix } from "../find-prefix.ts";
import { isShallow } from "../clone/state.ts";
import { splitPrefix } from "./split.ts";

export interface PushUpstreamOptions {
  /** Prefix of a git source. */
  name: string;
  /** Where to push to, default the source itself. */
  url?: string;
  /** Default `flow-patches`. */
  branch?: string;
  dryRun?: boolean;
}

export interface PushUpstreamResult {
  prefix: string;
  url: string;
  branch: string;
  /** Last commit of the branch, as `git subtree split` makes it. */
  commit: string;
  /** Commits that upstream does not have. */
  commits: number;
}

/**
 * Sends the patches of a git source to its upstream or a fork, as the branch that `git subtree push` would make.
 * @throws FlowError FLOW_VENDOR_NO_PATCHES, FLOW_VENDOR_SHALLOW in a clone without the history, FLOW_VENDOR_REJECTED
 */
export async function pushUpstream(
  ctx: FlowContext,
  dir: string,
  { name, url, branch = "flow-patches", dryRun = false }: PushUpstreamOptions,
): Promise<PushUpstreamResult> {
  const mirror = await openMirror(ctx, dir);
  const git = new Git(ctx, mirror.dir);
  const prefix = findPrefix(mirror, name);
  const entry = mirror.manifest.prefixes[prefix] as (typeof mirror.manifest.prefixes)[string];
  const target = url ?? entry.source;
  if (url === undefined && !isGit(entry)) {
    throw new FlowError("FLOW_USAGE", `${prefix} comes from no git repository that patches could be pushed to`, {
      hint: `flow vendor patches ${prefix} exports them; --to URL pushes them to a repository of yours`,
    });
  }
  checkUrl(target, target);
  checkRef(branch);
  if (await isShallow(git)) {
    throw new FlowError(
      "FLOW_VENDOR_SHALLOW",
      "this clone of the mirror lacks the history that patches are told from",
      {
        hint: `flow vendor unshallow ${prefix}`,
      },
    );
  }
  const nested = nestedIn(prefix, Object.keys(mirror.manifest.prefixes)).map((path) => path.slice(prefix.length + 1));
  const commit = await splitPrefix(git, { rev: "HEAD", prefix, nested });
  if (commit === undefined || commit === entry.commit) {
    throw new FlowError("FLOW_VENDOR_NO_PATCHES", `${prefix} has no patches of ours`, {
      hint: "edit below it and commit; flow vendor status tells what is not committed",
    });
  }
  const counted = await git.run(["rev-list", "--count", commit, `^${entry.commit}`], { okCodes: [0, 128] });
  const result = { prefix, url: target, branch, commit, commits: Number(counted.stdout.trim() || Number.NaN) };
  if (dryRun) return result;
  await step(ctx, { id: "vendor.push-upstream", title: `Pushing the patches of ${prefix}` }, ({ progress }) =>
    git
      .run(["push", "--progress", "--", target, `${commit}:refs/heads/${branch}`], {
        idleTimeoutMs: networkTimeoutMs(ctx),
        onProgress: (line) => progress(line.trim()),
      })
      .catch((error: unknown) => {
        if (!isFlowError(error, "FLOW_GIT_FAILED")) throw error;
        throw new FlowError("FLOW_VENDOR_REJECTED", `${target} did not take the branch ${branch}`, {
          cause: error.cause,
          hint: "push to a fork of yours with --to URL, or to another branch with --branch NAME",
        });
      }),
  );
  return result;
}
