import type { FlowContext } from "../../core/context.ts";
import { step } from "../../core/events.ts";
import { Git } from "../../core/git/index.ts";
import { networkTimeoutMs } from "../../core/network-timeout.ts";
import { historyRefspecs } from "../history-objects.ts";
import { withMirrorLock } from "../mirror.ts";
import type { Mirror } from "../types.ts";
import { bringEverything, makeOrdinary } from "./partial.ts";
import { cloneState } from "./state.ts";

/**
 * Makes a clone one that has all of the mirror: history, every file, the whole work tree.
 * @returns whether anything was lacking
 * @throws FlowError FLOW_VENDOR_FETCH, FLOW_GIT_FAILED; run again, it goes on
 */
export async function completeMirror(ctx: FlowContext, { dir, remote = "origin" }: Mirror): Promise<boolean> {
  const git = new Git(ctx, dir);
  const { shallow, partial, sparse } = await cloneState(git);
  if (!shallow && !partial && !sparse) return false;
  return await withMirrorLock(ctx, dir, "fetching all of the mirror", () =>
    step(ctx, { id: "vendor.complete", title: "Fetching all of the mirror" }, async ({ progress }) => {
      if (shallow) await fetchHistory(ctx, git, { remote, onProgress: (line) => progress(line.trim()) });
      if (partial) {
        await bringEverything(ctx, git, (done, total) => progress("files", done, total));
        await makeOrdinary(git);
      }
      if (sparse) await git.run(["sparse-checkout", "disable"]);
      return true;
    }),
  );
}

/** All of the remote's history, and the upstream commits that squashes were made of. */
export async function fetchHistory(
  ctx: FlowContext,
  git: Git,
  { remote, onProgress }: { remote: string; onProgress: (line: string) => void },
): Promise<void> {
  const depth = (await cloneState(git)).shallow ? ["--unshallow"] : [];
  const options = ["--no-tags", "--no-prune", "--no-write-fetch-head", "--progress", ...depth];
  const heads = `+refs/heads/*:refs/remotes/${remote}/*`;
  await git.run(["fetch", ...options, "--", remote, heads, ...historyRefspecs], {
    idleTimeoutMs: networkTimeoutMs(ctx),
    onProgress,
  });
}
