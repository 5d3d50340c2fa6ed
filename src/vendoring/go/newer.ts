import type { FlowContext } from "../../core/context.ts";
import type { PrefixEntry } from "../types.ts";
import { GoStaging } from "./resolve.ts";

/**
 * What the module proxy has of modules, by prefix: where `flow vendor update` goes, and the newest.
 * @throws FlowError FLOW_VENDOR_FETCH, FLOW_VENDOR_RESOLVE
 */
export async function newestModules(
  ctx: FlowContext,
  entries: ReadonlyMap<string, PrefixEntry>,
  command: { cache: string; own: readonly string[] },
): Promise<Map<string, { wanted: string; latest: string }>> {
  const found = new Map<string, { wanted: string; latest: string }>();
  if (entries.size === 0) return found;
  return await GoStaging.use(ctx, command, async (staging) => {
    for (const [path, { ref, version = ref }] of entries) {
      const latest = await staging.query(path, "latest");
      found.set(path, { wanted: ref === version ? version : await staging.query(path, ref), latest });
    }
    return found;
  });
}
