import type { FlowContext } from "../../core/context.ts";
import { FlowError } from "../../core/errors.ts";
import { Git } from "../../core/git/index.ts";
import { locateMirror, withMirrorLock } from "../mirror.ts";
import { restore } from "./restore.ts";
import { pendingConflict, type PendingConflict } from "./state.ts";

export interface AbortResult {
  /** Prefixes that stay as they were. */
  prefixes: string[];
  head: string;
}

/**
 * Takes an update back that stopped at a conflict: HEAD, index and every file that it touched are what they were.
 * @throws FlowError FLOW_VENDOR_NO_CONFLICT when none waits
 */
export async function abortUpdate(
  ctx: FlowContext,
  dir: string,
  { dryRun = false }: { dryRun?: boolean } = {},
): Promise<AbortResult> {
  const git = new Git(ctx, await locateMirror(ctx, dir));
  return await withMirrorLock(ctx, git.dir, "taking an update back", async () => {
    const pending = await pendingConflict(git);
    if (pending === undefined) throw noConflict();
    await refuseMovedHead(git, pending);
    if (!dryRun) await restore(git, pending);
    return { prefixes: pending.prepared.squashed.map(({ incoming }) => incoming.prefix), head: pending.from };
  });
}

export function noConflict(): FlowError {
  return new FlowError("FLOW_VENDOR_NO_CONFLICT", "no update waits for a conflict to be resolved", {
    hint: "flow vendor status tells how the mirror stands",
  });
}

/** @throws FlowError FLOW_VENDOR_DIRTY when somebody moved the branch under the conflict */
export async function refuseMovedHead(git: Git, { from }: PendingConflict): Promise<void> {
  const head = await git.text(["rev-parse", "HEAD"]);
  if (head === from) return;
  throw new FlowError("FLOW_VENDOR_DIRTY", `the branch moved from ${from} to ${head} while the update waited`, {
    hint: `git reset --keep ${from} brings it back; then run the command again`,
  });
}
