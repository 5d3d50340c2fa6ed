import pacote from "pacote";
import semver from "semver";
import type { FlowContext } from "../../core/context.ts";
import { watchNetwork } from "../network.ts";
import { packageNameOf } from "../sources.ts";
import type { PrefixEntry } from "../types.ts";
import { explainNpm } from "./explain.ts";
import type { NpmSettings } from "./settings.ts";

const parallel = 12;

export interface Newest {
  /** The newest version that the range allows. */
  wanted: string;
  latest: string;
}

/**
 * What the registry has of packages: one question for each name.
 * @param entries by prefix; `ref` is the range
 * @throws FlowError FLOW_VENDOR_FETCH, FLOW_VENDOR_RESOLVE
 */
export async function newestPackages(
  ctx: FlowContext,
  settings: NpmSettings,
  entries: ReadonlyMap<string, PrefixEntry>,
): Promise<Map<string, Newest>> {
  const found = new Map<string, Newest>();
  const queue = [...entries];
  const worker = async () => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      ctx.signal.throwIfAborted();
      const [prefix, entry] = next;
      const name = packageNameOf(entry);
      const { versions, "dist-tags": tags } = await pacote
        .packument(name, settings as never)
        .catch((error: unknown) => {
          throw explainNpm(error, name, settings);
        });
      const range = entry.ref.replace(/^npm:(@?[^@]+)@/, "");
      const current = entry.version ?? "0.0.0";
      const wanted = tags[range] ?? semver.maxSatisfying(Object.keys(versions), range) ?? current;
      found.set(prefix, { wanted: semver.gt(current, wanted) ? current : wanted, latest: tags.latest ?? wanted });
    }
  };
  await watchNetwork(ctx, () => Promise.all(Array.from({ length: Math.min(parallel, queue.length) }, worker)));
  return found;
}
