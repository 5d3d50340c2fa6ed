import type { FlowContext } from "../core/context.ts";
import { step } from "../core/events.ts";
import type { Git } from "../core/git/index.ts";
import { networkTimeoutMs } from "../core/network-timeout.ts";
import { historyRefspecs } from "./history-objects.ts";
import { withMirrorLock } from "./mirror.ts";
import { openShared } from "./share/remote.ts";
import { findPrefix } from "./update.ts";

export interface UnshallowResult {
  prefix: string;
  /** Whether the clone lacked history. */
  shallow: boolean;
  /** Whether the prefix was outside of the sparse work tree. */
  sparse: boolean;
}

/**
 * Makes a shallow or sparse clone one in which `git subtree pull`, `split` and `push` by hand work for a prefix: all of the
 * history, the prefix in the work tree, and the upstream commits that squashes were made of.
 */
export async function unshallow(
  ctx: FlowContext,
  dir: string,
  { name, dryRun = false }: { name: string; dryRun?: boolean },
): Promise<UnshallowResult> {
  const { git, mirror } = await openShared(ctx, dir);
  const prefix = findPrefix(mirror, name);
  const shallow = await isShallow(git);
  const sparse = !(await isInWorkTree(git, prefix));
  if (dryRun) return { prefix, shallow, sparse };
  return await withMirrorLock(ctx, mirror.dir, `preparing ${prefix} for git subtree`, () =>
    step(ctx, { id: "vendor.unshallow", title: "Fetching the mirror's history" }, async ({ progress }) => {
      const depth = shallow ? ["--unshallow"] : [];
      const options = ["--no-tags", "--no-prune", "--no-write-fetch-head", "--progress", ...depth];
      const heads = `+refs/heads/*:refs/remotes/${mirror.remote}/*`;
      await git.run(["fetch", ...options, "--", mirror.remote, heads, ...historyRefspecs], {
        idleTimeoutMs: networkTimeoutMs(ctx),
        onProgress: (line) => progress(line.trim()),
      });
      if (sparse) await git.run(["sparse-checkout", "add", prefix]);
      return { prefix, shallow, sparse };
    }),
  );
}

/** Whether this clone lacks history, so that `git subtree` by hand fails or, worse, splits wrongly. */
export async function isShallow(git: Git): Promise<boolean> {
  return (await git.text(["rev-parse", "--is-shallow-repository"])) === "true";
}

async function isInWorkTree(git: Git, prefix: string): Promise<boolean> {
  const listed = await git.list(["--literal-pathspecs", "ls-files", "-z", "-t", "--", prefix]);
  return !listed.some((line) => line.startsWith("S "));
}
