import { join } from "node:path";
import type { FlowContext } from "../../../core/context.ts";
import { FlowError, isFlowError } from "../../../core/errors.ts";
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
  const asked = { name: "goflow", registry, cache };
  const found = await publishedPackage(ctx, asked).catch((error: unknown) => {
    if (isFlowError(error, "FLOW_VENDOR_RESOLVE")) return undefined;
    throw isFlowError(error, "FLOW_VENDOR_FETCH") ? unreachable(error) : error;
  });
  if (found === undefined) return async () => ({ release: undefined, others: [] });
  const { versions, unpack } = found;
  return async (wanted) => {
    const version = newest(versions, wanted);
    if (version === undefined) return { release: undefined, others: versions };
    return { release: { version, from: registry, fill: (directory) => unpack(version, directory) }, others: versions };
  };
}

function unreachable(error: FlowError): FlowError {
  return new FlowError("FLOW_VENDOR_FETCH", "the registry of releases is out of reach", {
    cause: error.message,
    hint: 'check the network, "update: { registry: … }" in flow.yaml, and its token in .npmrc',
  });
}
