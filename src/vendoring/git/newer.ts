import semver from "semver";
import type { FlowContext } from "../../core/context.ts";
import type { Git } from "../../core/git/index.ts";
import { networkTimeoutMs } from "../../core/network-timeout.ts";
import { checkUrl } from "../specs.ts";
import type { PrefixEntry } from "../types.ts";

/**
 * What a git host has beyond what the mirror holds: for a version's tag the newest tag that is a version (`v` or none
 * as the one that is held), for a branch its head. Undefined when it follows a commit, which never moves.
 * @throws FlowError FLOW_GIT_FAILED, FLOW_TIMEOUT
 */
export async function newestOfGit(
  ctx: FlowContext,
  git: Git,
  { source, ref, commit }: PrefixEntry,
): Promise<{ wanted: string; latest: string } | undefined> {
  checkUrl(source, source);
  const listed = await git.text(["ls-remote", "--", source], { idleTimeoutMs: networkTimeoutMs(ctx) });
  const refs = new Map(listed.split("\n").map((line) => [line.split("\t")[1] ?? "", line.split("\t")[0] ?? ""]));
  const branch = refs.get(`refs/heads/${ref}`);
  const tag = refs.get(`refs/tags/${ref}^{}`) ?? refs.get(`refs/tags/${ref}`);
  if (tag !== undefined) {
    const latest = newestTag([...refs.keys()], ref);
    return { wanted: tag === commit ? ref : `${ref} (moved to ${tag.slice(0, 9)})`, latest };
  }
  if (branch === undefined) return undefined;
  const state = branch === commit ? ref : `${ref} at ${branch.slice(0, 9)}`;
  return { wanted: state, latest: state };
}

function newestTag(names: readonly string[], ref: string): string {
  const prefix = /^(.*?)\d+\.\d+/.exec(ref)?.[1];
  if (prefix === undefined) return ref;
  const tags = names
    .filter((name) => name.startsWith(`refs/tags/${prefix}`) && !name.endsWith("^{}"))
    .map((name) => name.slice("refs/tags/".length))
    .filter(
      (name) =>
        semver.valid(name.slice(prefix.length)) !== null && semver.prerelease(name.slice(prefix.length)) === null,
    );
  return tags.reduce((best, name) => {
    const [a, b] = [name.slice(prefix.length), best.slice(prefix.length)];
    return semver.valid(b) === null || semver.gt(a, b) ? name : best;
  }, ref);
}
