import { join } from "node:path";
import type { FlowContext } from "../../../core/context.ts";
import { cacheDirectory } from "../../../core/paths.ts";
import { publishedPackage } from "../../../vendoring/index.ts";
import { newest } from "./newest.ts";
import type { FindRelease } from "./source.ts";

/**
 * Releases as versions of the package goflow in a registry of the team. No other registry is ever asked for it:
 * there anybody could claim the name.
 * @throws FlowError FLOW_VENDOR_FETCH
 */
export async function registryReleases(ctx: FlowContext, registry: string): Promise<FindRelease> {
  const cache = join(cacheDirectory(ctx.env), "npm-cache");
  const { versions, unpack } = await publishedPackage(ctx, { name: "goflow", registry, cache });
  return async (wanted) => {
    const version = newest(versions, wanted);
    if (version === undefined) return { release: undefined, others: versions };
    return { release: { version, from: registry, fill: (directory) => unpack(version, directory) }, others: versions };
  };
}
