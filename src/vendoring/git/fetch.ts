import type { FlowContext } from "../../core/context.ts";
import { FlowError, isFlowError } from "../../core/errors.ts";
import { warn } from "../../core/events.ts";
import type { Git } from "../../core/git/index.ts";
import { upstreamRef } from "../messages.ts";
import { networkTimeoutMs } from "../../core/network-timeout.ts";
import { checkRef, checkUrl } from "../specs.ts";
import type { Incoming } from "../types.ts";
import { fetchingRefs, removeRefs } from "./fetching-refs.ts";
import { licenceOfCommit } from "./licence.ts";
import { packageAt } from "./package.ts";
import { findRef, type FoundRef } from "./refs.ts";

export interface GitSource {
  url: string;
  ref: string | undefined;
  prefix: string;
  /** What the mirror has of it: a tag that says something else now is refused, a branch that was rewritten is told of. */
  recorded?: { ref: string; commit: string };
  onProgress?: (line: string) => void;
}

/**
 * Fetches a git source with its history into the mirror's objects, and keeps its commit by a reference of flow's.
 * @throws FlowError FLOW_VENDOR_FETCH when the host or the ref cannot be had, FLOW_VENDOR_BAD_SPEC for a URL that runs programs
 */
export async function fetchGitSource(ctx: FlowContext, git: Git, source: GitSource): Promise<Incoming> {
  const { url, ref, prefix } = source;
  // A manifest may come from anybody who can push to the mirror.
  checkUrl(url, url);
  if (ref !== undefined) checkRef(ref);
  const idleTimeoutMs = networkTimeoutMs(ctx);
  try {
    const found = await findRef(git, url, { ref, idleTimeoutMs });
    const commit = await fetchCommit(git, source, { found, idleTimeoutMs });
    await judgeMove(ctx, git, { source, found, commit });
    if (found.commit !== undefined && found.commit !== commit) {
      throw new FlowError("FLOW_VENDOR_FETCH", `${url}: ${found.name} moved while it was fetched`, {
        hint: "run the command again",
      });
    }
    const [tree = "", subject = ""] = (await git.text(["log", "-1", "--format=%T%x00%s", commit])).split("\0");
    // By commit: a branch moves on, and the history of a prefix needs every commit that it was ever squashed from.
    await git.run(["update-ref", upstreamRef(prefix, commit), commit]);
    return {
      prefix,
      source: url,
      ref: ref ?? found.name.replace(/^refs\/(heads|tags)\//, ""),
      licence: await licenceOfCommit(git, commit, await packageAt(git, commit)),
      subject,
      content: { commit, tree },
    };
  } catch (error) {
    throw unreachable(error, url);
  }
}

/** @throws FlowError FLOW_VENDOR_MOVED_TAG when a tag does not stand for what it stood for */
async function judgeMove(
  ctx: FlowContext,
  git: Git,
  { source: { url, recorded, prefix }, found, commit }: { source: GitSource; found: FoundRef; commit: string },
): Promise<void> {
  if (recorded === undefined || recorded.commit === commit) return;
  if (found.name === `refs/tags/${recorded.ref}`) {
    throw new FlowError(
      "FLOW_VENDOR_MOVED_TAG",
      `${url}: the tag ${recorded.ref} was moved, from ${recorded.commit} to ${commit}`,
      {
        hint: `nothing was changed. Ask upstream why; flow vendor update ${prefix} --allow-moved-tag takes it as it is now`,
        details: { prefix, tag: recorded.ref, from: recorded.commit, to: commit },
      },
    );
  }
  if (found.name !== `refs/heads/${recorded.ref}`) return;
  const kept = await git.run(["merge-base", "--is-ancestor", recorded.commit, commit], { okCodes: [0, 1, 128] });
  if (kept.exitCode === 1) {
    warn(
      ctx,
      `${url}: upstream rewrote ${recorded.ref}: ${recorded.commit.slice(0, 9)} is not in its history any more`,
    );
  }
}

/** Fetches what was found under a name of its own, so that nothing of the person's references is touched. */
async function fetchCommit(
  git: Git,
  { url, onProgress }: GitSource,
  { found, idleTimeoutMs }: { found: FoundRef; idleTimeoutMs: number },
): Promise<string> {
  const store = fetchingRefs();
  const fetch = (refspecs: readonly string[], okCodes: readonly number[]) =>
    git.run(
      ["fetch", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules", "--progress", "--", url, ...refspecs],
      {
        idleTimeoutMs,
        okCodes,
        ...(onProgress === undefined ? {} : { onProgress }),
      },
    );
  try {
    const isCommit = !found.name.startsWith("refs/") && found.name !== "HEAD";
    const one = await fetch([`+${found.name}:${store}/one`], isCommit ? [0, 1, 128] : [0]);
    // A host that serves no commit by its hash may still hold it in a branch or a tag.
    if (one.exitCode !== 0) await fetch([`+refs/heads/*:${store}/heads/*`, `+refs/tags/*:${store}/tags/*`], [0]);
    const commit = await git.run(
      ["rev-parse", "--verify", "--quiet", `${one.exitCode === 0 ? `${store}/one` : found.name}^{commit}`],
      {
        okCodes: [0, 1, 128],
      },
    );
    if (commit.exitCode !== 0) throw new FlowError("FLOW_VENDOR_FETCH", `${url} has no commit ${found.name}`);
    return commit.stdout.trim();
  } finally {
    await removeRefs(git, store);
  }
}

function unreachable(error: unknown, url: string): unknown {
  if (!isFlowError(error) || !["FLOW_GIT_FAILED", "FLOW_TIMEOUT"].includes(error.code)) return error;
  return new FlowError("FLOW_VENDOR_FETCH", `${url} could not be fetched`, {
    cause: error.code === "FLOW_GIT_FAILED" ? error.cause : error,
    hint: "check the address, the network and your access (ssh key or credential helper); git fetches as you do",
  });
}
