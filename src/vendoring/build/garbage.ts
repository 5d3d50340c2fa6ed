import { readdir } from "node:fs/promises";
import { join } from "node:path";
import type { FlowContext } from "../../core/context.ts";
import { isFlowError } from "../../core/errors.ts";
import { Git } from "../../core/git/index.ts";
import { openMirror } from "../mirror.ts";
import type { BuildPlace } from "./build.ts";
import { describeNode } from "./surroundings.ts";
import { buildUnits } from "./units.ts";

/**
 * Directories of builds that nothing uses: of packages that flow.yaml allows no more, and for a Node that is none of
 * `nodes`. Where flow.yaml names what the mirror does not hold, none is: nobody knows what was meant.
 * @param nodes programs that services may be started with, besides that of `place`
 */
export async function unusedBuilds(
  ctx: FlowContext,
  mirrorDirectory: string,
  { place, nodes }: { place: BuildPlace; nodes: readonly string[] },
): Promise<string[]> {
  const builds = await listBuilds(place.directory);
  if (builds.length === 0) return [];
  const mirror = await openMirror(ctx, mirrorDirectory);
  const units = await buildUnits(new Git(ctx, mirror.dir), mirror, place.definition).catch((error: unknown) => {
    if (isFlowError(error, "FLOW_VENDOR_NO_PREFIX")) return undefined;
    throw error;
  });
  if (units === undefined) return [];
  const names = new Set(units.map(({ name }) => name));
  const described = await Promise.all([...new Set([place.node, ...nodes])].map((node) => describeNode(ctx, node)));
  const abis = new Set(described.map(({ abi }) => abi));
  return builds.filter(({ name, abi }) => !names.has(name) || !abis.has(abi)).map(({ dir }) => dir);
}

/** `<name>/<Node ABI>` below the directory of all builds. */
async function listBuilds(directory: string): Promise<{ name: string; abi: string; dir: string }[]> {
  const below = async (dir: string) =>
    (await readdir(dir, { withFileTypes: true }).catch(() => [])).flatMap((entry) =>
      entry.isDirectory() && !entry.name.startsWith(".") ? [entry.name] : [],
    );
  const top = await below(directory);
  const scoped = top.map(async (name) =>
    name.startsWith("@") ? (await below(join(directory, name))).map((inner) => `${name}/${inner}`) : [name],
  );
  const names = (await Promise.all(scoped)).flat();
  const found = names.map(async (name) =>
    (await below(join(directory, name))).map((abi) => ({ name, abi, dir: join(directory, name, abi) })),
  );
  return (await Promise.all(found)).flat();
}
