import type { FlowContext } from "../core/context.ts";
import { FlowError } from "../core/errors.ts";
import { Git } from "../core/git/index.ts";
import { networkTimeoutMs } from "../core/network-timeout.ts";
import { presentCommits } from "./clone/objects.ts";
import { isShallow } from "./clone/state.ts";
import type { Mirror } from "./types.ts";

/** References that others need beside the branch: what packages' squashes were made of, and what a forge flattened. */
export const historyRefspecs: readonly string[] = [
  "+refs/flow/upstream/*:refs/flow/upstream/*",
  "+refs/flow/history/*:refs/flow/history/*",
];

/** Fetches what packages' squashes were made of where it is not here. What cannot be had stays away. */
export async function bringUpstreams(
  ctx: FlowContext,
  { dir, remote }: Mirror,
  commits: readonly string[],
): Promise<void> {
  const git = new Git(ctx, dir);
  const here = await presentCommits(git, commits);
  if (remote === undefined || commits.every((commit) => here.has(commit))) return;
  await git.run(
    ["fetch", "--quiet", "--no-tags", "--no-prune", "--no-write-fetch-head", "--", remote, ...historyRefspecs],
    {
      okCodes: [0, 1, 128],
      idleTimeoutMs: networkTimeoutMs(ctx),
    },
  );
}

/**
 * Makes sure that squashes are here which an update builds on: a shallow clone lacks them, and so does one of a branch
 * on which a forge squashed or rebased what was proposed. They are fetched by their hashes.
 * @throws FlowError FLOW_VENDOR_FETCH when the mirror's remote does not have them
 */
export async function bringSquashes(
  ctx: FlowContext,
  { dir, remote }: Mirror,
  squashes: readonly string[],
): Promise<void> {
  const git = new Git(ctx, dir);
  const missing = async () => {
    const here = await presentCommits(git, squashes);
    return squashes.filter((squash) => !here.has(squash));
  };
  const lacking = await missing();
  if (lacking.length === 0) return;
  const shallow = await isShallow(git);
  const options = [
    "--quiet",
    "--no-tags",
    "--no-prune",
    "--no-write-fetch-head",
    "--progress",
    ...(shallow ? ["--depth=1"] : []),
  ];
  const fetched =
    remote === undefined
      ? undefined
      : await git.run(["fetch", ...options, "--", remote, ...lacking], {
          okCodes: [0, 1, 128],
          idleTimeoutMs: networkTimeoutMs(ctx),
        });
  if (fetched?.exitCode !== 0 && remote !== undefined) {
    await git.run(["fetch", ...options, "--", remote, ...historyRefspecs], {
      okCodes: [0, 1, 128],
      idleTimeoutMs: networkTimeoutMs(ctx),
    });
  }
  const still = await missing();
  if (still.length === 0) return;
  throw new FlowError("FLOW_VENDOR_FETCH", `the mirror's history lacks what this builds on: ${still.join(", ")}`, {
    ...(fetched === undefined ? {} : { cause: fetched.stderr.trim() }),
    hint: "check that the mirror's remote is in reach; a clone that has all of it can push it: flow vendor push",
  });
}
