import type { FlowContext } from "../../core/context.ts";
import { isFlowError } from "../../core/errors.ts";
import { warn } from "../../core/events.ts";
import type { Git } from "../../core/git/index.ts";
import { networkTimeoutMs } from "../../core/network-timeout.ts";
import { historyRefspecs } from "../history-objects.ts";
import { makeOrdinary, makePartial } from "./partial.ts";

export interface Amount {
  /** The newest state of the branch alone, without history. */
  newest: boolean;
  /** Contents of files stay where they are, to be fetched by their hashes. */
  blobless: boolean;
}

export interface FetchOptions extends Amount {
  branch: string;
  onProgress: (line: string) => void;
}

/** Few objects too: a pack can be lent. */
const asPack = ["-c", "fetch.unpackLimit=1"];

/** Words of git and of servers by which one refuses to leave something out. */
const noFilter = /filter/i;
const noDepth = /shallow|depth/i;

/**
 * Fetches a mirror into a clone that has a remote `origin`. A server that cannot leave out history or files gives more
 * than was asked for. The clone is a partial one afterwards when contents of files were left out.
 * @returns what was left out
 * @throws FlowError FLOW_GIT_FAILED, FLOW_TIMEOUT
 */
export async function fetchMirrorState(
  ctx: FlowContext,
  git: Git,
  { branch, onProgress, ...wanted }: FetchOptions,
): Promise<Amount> {
  const refspecs = wanted.newest
    ? [`+refs/heads/${branch}:refs/remotes/origin/${branch}`]
    : ["+refs/heads/*:refs/remotes/origin/*", "+refs/tags/*:refs/tags/*", ...historyRefspecs];
  const got = { ...wanted };
  for (;;) {
    const less = [got.blobless ? "--filter=blob:none" : "--no-filter", ...(got.newest ? ["--depth=1"] : [])];
    // Left partial, a clone over plain HTTP asks for each object on its own, and never gets one.
    await (got.blobless ? makePartial(git) : makeOrdinary(git));
    try {
      const { stderr } = await git.run(
        [
          ...asPack,
          "fetch",
          "--no-tags",
          "--no-prune",
          "--no-write-fetch-head",
          "--progress",
          ...less,
          "origin",
          ...refspecs,
        ],
        { idleTimeoutMs: networkTimeoutMs(ctx), onProgress },
      );
      if (got.blobless && /filtering not recognized/.test(stderr)) {
        got.blobless = false;
        await makeOrdinary(git);
      }
      if (wanted.newest) warnOfMore(ctx, got);
      return got;
    } catch (error) {
      const said = isFlowError(error, "FLOW_GIT_FAILED") ? String(error.cause) : "";
      if (/dumb http/.test(said)) got.newest = got.blobless = false;
      else if (got.newest && noDepth.test(said)) got.newest = false;
      else if (got.blobless && noFilter.test(said)) got.blobless = false;
      else throw error;
    }
  }
}

/** The newest state once more, with every file: for a server that can leave files out, and then does not hand them out. */
export async function refetchWithFiles(
  ctx: FlowContext,
  git: Git,
  { branch, onProgress }: Pick<FetchOptions, "branch" | "onProgress">,
): Promise<void> {
  await makeOrdinary(git);
  const options = ["--no-tags", "--no-prune", "--no-write-fetch-head", "--progress", "--refetch", "--depth=1"];
  const refspec = `+refs/heads/${branch}:refs/remotes/origin/${branch}`;
  await git.run([...asPack, "fetch", ...options, "origin", refspec], {
    idleTimeoutMs: networkTimeoutMs(ctx),
    onProgress,
  });
  warnOfMore(ctx, { newest: true, blobless: false });
}

function warnOfMore(ctx: FlowContext, { newest, blobless }: Amount): void {
  if (newest && blobless) return;
  const files = "every file of the mirror came, not only what this workspace needs";
  const [why, what] = newest
    ? ["leaves no files out", files]
    : blobless
      ? ["cannot leave history out", "all of the mirror's history came"]
      : ["leaves neither history nor files out", "all of the mirror came, with every file and its history"];
  warn(ctx, `the mirror's server ${why}: ${what}. It works as well, and takes longer`);
}

/** The branch that a mirror is on, as its remote says; undefined when it has no commit yet. */
export async function remoteBranch(ctx: FlowContext, git: Git, url: string): Promise<string | undefined> {
  const listed = await git.text(["ls-remote", "--symref", "--", url, "HEAD", "refs/heads/*"], {
    idleTimeoutMs: networkTimeoutMs(ctx),
  });
  const named = /^ref: refs\/heads\/(\S+)\tHEAD$/m.exec(listed)?.[1];
  const branches = [...listed.matchAll(/^[0-9a-f]{40,64}\trefs\/heads\/(\S+)$/gm)].map(
    ([, branch]) => branch as string,
  );
  // A bare repository's HEAD may name a branch that nobody pushed.
  return [named, "main"].find((branch) => branch !== undefined && branches.includes(branch)) ?? branches[0];
}
