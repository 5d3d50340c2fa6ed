import { setTimeout as delay } from "node:timers/promises";
import type { FlowContext } from "../../core/context.ts";
import { step, warn } from "../../core/events.ts";
import { withMirrorLock } from "../mirror.ts";
import { dropAhead, pushAhead } from "./packs.ts";
import { propose, rejected } from "./propose.ts";
import { pushRefs, refusals } from "./push-refs.ts";
import { openShared, remoteState, type SharedMirror } from "./remote.ts";
import { takeTheirs, type ShareOptions, type ShareResult } from "./sync.ts";

const mostAttempts = 50;
const mostDelayMs = 2_000;

export interface PushOptions extends ShareOptions {
  /** On a protected branch: propose the mirror's own commits instead of one that holds their result. Default false. */
  history?: boolean;
  /** Bytes that one pack may have. Default 1 GB: forges refuse more. */
  maxPackBytes?: number;
}

/**
 * Publishes the mirror's commits and the upstream commits they were made of. When another was faster, theirs are
 * merged first and it is tried again. Where the branch is protected, a branch of its own is pushed instead.
 * @throws FlowError FLOW_VENDOR_REJECTED when the remote refuses, FLOW_VENDOR_CONFLICT when both changed the same lines
 */
export async function pushMirror(ctx: FlowContext, dir: string, options: PushOptions = {}): Promise<ShareResult> {
  const shared = await openShared(ctx, dir);
  const { git, mirror, branch } = shared;
  const { head: from, arrived } = await remoteState(shared);
  const result = async (): Promise<ShareResult> => ({
    remote: mirror.remote,
    branch,
    from,
    head: await git.text(["rev-parse", "HEAD"]),
  });
  if (options.dryRun === true) return await result();
  return await withMirrorLock(ctx, mirror.dir, "pushing the mirror", () =>
    step(ctx, { id: "vendor.push", title: "Pushing the mirror" }, async ({ progress }) => {
      const ahead = await pushAhead(shared, {
        there: [...(from === undefined ? [] : [from]), ...arrived],
        progress,
        ...(options.maxPackBytes === undefined ? {} : { limit: options.maxPackBytes }),
      });
      const refspecs = [`HEAD:refs/heads/${branch}`, "refs/flow/upstream/*:refs/flow/upstream/*"];
      let tookMs = 100;
      for (let attempt = 1; ; attempt++) {
        const answer = await pushRefs(shared, { refspecs, progress });
        if (answer.ok) {
          if (ahead || arrived.length > 0) await dropAhead(shared, progress);
          return await result();
        }
        const refused = refusals(answer);
        const own = refused.find(({ ref }) => ref === `refs/heads/${branch}`);
        if (own === undefined && refused.length > 0) {
          warnAboutUpstream(shared, refused[0]?.reason ?? "");
          return await result();
        }
        if (own === undefined) throw rejected(answer.text);
        if (!own.race) {
          const proposal = await propose(shared, { history: options.history === true, progress });
          return {
            ...(await result()),
            ...(proposal === undefined ? { from: await git.text(["rev-parse", "HEAD"]) } : { proposal }),
          };
        }
        if (attempt >= mostAttempts) throw rejected(answer.text);
        // Many who lost to the same one would lose to each other again: they spread over the time that all of them need.
        await delay(Math.random() * tookMs * 2 ** Math.min(attempt, 4), undefined, { signal: ctx.signal });
        const start = performance.now();
        await takeTheirs(shared);
        tookMs = Math.min(performance.now() - start, mostDelayMs);
      }
    }),
  );
}

function warnAboutUpstream({ ctx }: SharedMirror, reason: string): void {
  warn(
    ctx,
    `the remote does not take refs/flow/upstream (${reason}): others go on with flow, but git subtree by hand needs these commits`,
  );
}
