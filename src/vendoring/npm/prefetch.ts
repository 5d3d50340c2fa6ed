import npa from "npm-package-arg";
import pacote from "pacote";
import semver from "semver";
import { isFlowError } from "../../core/errors.ts";
import type { NpmSettings } from "./settings.ts";

/** A name with the range wanted of it, as a package.json has them. */
export type Wanted = readonly [name: string, range: string];

/** Versions in the lock by name: what they satisfy is asked of no registry. */
export type HeldVersions = ReadonlyMap<string, readonly string[]>;

interface Dependent {
  dependencies?: Record<string, string>;
  optionalDependencies?: Record<string, string>;
  peerDependencies?: Record<string, string>;
  peerDependenciesMeta?: Record<string, { optional?: boolean }>;
}

/** What a package or project needs at run time. */
export function requirementsOf(manifest: Dependent): Wanted[] {
  const { dependencies, optionalDependencies, peerDependencies = {}, peerDependenciesMeta = {} } = manifest;
  const peers = Object.entries(peerDependencies).filter(([name]) => peerDependenciesMeta[name]?.optional !== true);
  return [...Object.entries({ ...dependencies, ...optionalDependencies }), ...peers];
}

/**
 * Brings the packuments of a closure into the settings' cache, side by side: npm's resolver asks for one after the
 * other, and a registry 70 ms away makes 7 s of a hundred packages. It follows the newest version of each range, which
 * is what the resolver takes but for conflicts; what is missed or fails here is the resolver's to ask for again.
 */
export async function prefetchPackuments(
  settings: NpmSettings,
  roots: readonly Wanted[],
  held: HeldVersions,
): Promise<void> {
  const options = { ...settings, fullMetadata: true } as never;
  const packuments = new Map<string, Promise<unknown>>();
  const visited = new Set<string>();
  let failed = false;

  const visit = async ([name, range]: Wanted): Promise<void> => {
    const spec = npa.resolve(name, range);
    if (failed || !spec.registry || visited.has(`${spec}`) || isHeld(held, name, range)) return;
    visited.add(`${spec}`);
    const id = (spec as { subSpec?: npa.Result }).subSpec?.name ?? name;
    const packument = packuments.get(id) ?? pacote.packument(id, options);
    packuments.set(id, packument);
    await packument;
    const manifest = (await pacote.manifest(`${spec}`, options)) as Dependent;
    await visitAll(requirementsOf(manifest));
  };
  const visitAll = async (wanted: readonly Wanted[]) => {
    await Promise.all(
      wanted.map((one) =>
        visit(one).catch((error: { code?: string }) => {
          // One that is not there may be optional; a registry that does not answer is asked no further.
          if (!isFlowError(error) && error.code !== "E404" && error.code !== "ETARGET") failed = true;
        }),
      ),
    );
  };
  await visitAll(roots);
}

function isHeld(held: HeldVersions, name: string, range: string): boolean {
  return held.get(name)?.some((version) => semver.satisfies(version, range)) ?? false;
}
