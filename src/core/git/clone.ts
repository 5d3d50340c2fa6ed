import type { FlowContext } from "../context.ts";
import { FlowError, isFlowError } from "../errors.ts";
import { networkTimeoutMs } from "../network-timeout.ts";
import { Git } from "./git.ts";

export interface CloneOptions {
  url: string;
  /** Absent or empty. */
  dir: string;
  /** Branch or tag, default the remote's own default branch. */
  ref?: string;
  /** Whether to fill the work tree, default true. */
  checkout?: boolean;
  onProgress?: (line: string) => void;
}

/**
 * Clones a repository; a server without a sign of life counts as dead ({@link networkTimeoutMs}). A bare repository that was made
 * with another default branch than what was pushed to it names one that does not exist: then `main`, `master` or
 * the only branch is taken. An empty repository gives a clone without commits.
 * @throws FlowError FLOW_GIT_UNREACHABLE when the host is down, silent or refuses; FLOW_GIT_FAILED
 */
export async function clone(ctx: FlowContext, options: CloneOptions): Promise<Git> {
  const { url, dir, ref, checkout = true, onProgress } = options;
  const branch = ref === undefined ? [] : ["--branch", ref];
  await new Git(ctx, ctx.cwd)
    .run(["clone", "--quiet", "--progress", "--no-checkout", ...branch, "--", url, dir], {
      idleTimeoutMs: networkTimeoutMs(ctx),
      ...(onProgress === undefined ? {} : { onProgress: (line: string) => onProgress(line.trim()) }),
    })
    .catch((error: unknown) => {
      throw explain(error, url);
    });
  const git = new Git(ctx, dir);
  if (!(await hasCommits(git))) await takeDefaultBranch(git);
  if (checkout && (await hasCommits(git))) await git.run(["reset", "--quiet", "--hard"]);
  return git;
}

/**
 * What git says in English when a host, not a path or a ref, is what fails: every error of HTTP, a connection of git's
 * own protocol, ssh, and a transfer that breaks off.
 */
const remoteFailed =
  /unable to (access 'https?:|connect to |look up )|Could not read from remote repository|Authentication failed|could not read Username|https?:\/\/\S+ not found|early EOF|hung up unexpectedly|unexpected disconnect/;

function explain(error: unknown, url: string): unknown {
  if (!isFlowError(error)) return error;
  const silent = error.code === "FLOW_TIMEOUT";
  if (!silent && !(error.code === "FLOW_GIT_FAILED" && remoteFailed.test(String(error.cause)))) return error;
  return new FlowError("FLOW_GIT_UNREACHABLE", `${url} could not be cloned`, {
    cause: silent ? error : error.cause,
    hint: "check its address, the network and your access (ssh key or credential helper), then run the command again",
  });
}

/** Whether HEAD names a commit. */
export async function hasCommits(git: Git): Promise<boolean> {
  return (await git.run(["rev-parse", "--verify", "--quiet", "HEAD"], { okCodes: [0, 1, 128] })).exitCode === 0;
}

async function takeDefaultBranch(git: Git): Promise<void> {
  const listed = await git.text(["for-each-ref", "--format=%(refname:lstrip=3)", "refs/remotes/origin"]);
  const branches = listed.split("\n").filter((name) => name !== "" && name !== "HEAD");
  const branch =
    ["main", "master"].find((name) => branches.includes(name)) ?? (branches.length === 1 ? branches[0] : undefined);
  if (branch === undefined) return;
  await git.run(["branch", "--quiet", "--track", branch, `origin/${branch}`]);
  await git.run(["symbolic-ref", "HEAD", `refs/heads/${branch}`]);
}
