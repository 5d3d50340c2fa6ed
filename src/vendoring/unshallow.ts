import type { FlowContext } from "../core/context.ts";
import { step } from "../core/events.ts";
import { widen } from "./clone/bring.ts";
import { fetchHistory } from "./clone/complete.ts";
import { readCone } from "./clone/cone.ts";
import { isShallow } from "./clone/state.ts";
import { withMirrorLock } from "./mirror.ts";
import { openShared } from "./share/remote.ts";
import { findPrefix } from "./find-prefix.ts";

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
  const sparse = !(await readCone(git)).holds(prefix);
  if (dryRun) return { prefix, shallow, sparse };
  return await withMirrorLock(ctx, mirror.dir, `preparing ${prefix} for git subtree`, () =>
    step(ctx, { id: "vendor.unshallow", title: "Fetching the mirror's history" }, async ({ progress }) => {
      await fetchHistory(ctx, git, { remote: mirror.remote, onProgress: (line) => progress(line.trim()) });
      if (sparse) await widen(ctx, git, { mirror, directories: [prefix] });
      return { prefix, shallow, sparse };
    }),
  );
}
