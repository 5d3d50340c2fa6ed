import type { FlowContext } from "../core/context.ts";
import { Git } from "../core/git/index.ts";
import { heldModules, type HeldModule } from "./go/held.ts";
import { parseModFile, type ModFile } from "./go/mod-file.ts";
import { lockPackages, lookUpwards, type LockPackages } from "./npm/lock.ts";
import { topFile } from "./trees.ts";
import { findPrefix } from "./find-prefix.ts";
import type { Mirror } from "./types.ts";

/** A package.json of the team's own that declares what it needs. */
export interface OwnManifest {
  /** Its path as a person would name it. */
  path: string;
  dependencies: Readonly<Record<string, string>>;
}

export interface Presence {
  prefix: string;
  version: string;
  /** Who needs it directly: a prefix, or a file of the team's, with the range it asks for. */
  neededBy: { by: string; range: string }[];
  /** The shortest chain from each file that somebody of the team wrote, itself first. Empty: nothing needs it. */
  chains: string[][];
}

interface Need {
  from: string;
  to: string;
  range: string;
}

/**
 * Tells why the mirror holds something: every place of it, who needs it, and through whom.
 * @param name a prefix, or a package's name: then every version of it that is there
 * @throws FlowError FLOW_VENDOR_NO_PREFIX
 */
export async function explainPresence(
  ctx: FlowContext,
  mirror: Mirror,
  { name, own }: { name: string; own: readonly OwnManifest[] },
): Promise<Presence[]> {
  const git = new Git(ctx, mirror.dir);
  const packages = lockPackages(await topFile(git, "package-lock.json", mirror.head));
  const asked = parseModFile((await topFile(git, "go.mod", mirror.head)) ?? "");
  const needs = [
    ...npmNeeds(packages),
    ...own.flatMap((manifest) => ownNeeds(manifest, packages)),
    ...goNeeds(asked, await heldModules(ctx, mirror)),
  ];
  const named = Object.keys(mirror.manifest.prefixes).filter((prefix) => prefix.endsWith(`node_modules/${name}`));
  const prefixes = named.length > 0 ? named.sort() : [findPrefix(mirror, name)];
  const written = new Set(["package.json", "go.mod", ...own.map(({ path }) => path)]);
  return prefixes.map((prefix) => {
    const { version, ref = "" } = mirror.manifest.prefixes[prefix] ?? {};
    return {
      prefix,
      version: version ?? ref,
      neededBy: needs.filter(({ to }) => to === prefix).map(({ from, range }) => ({ by: from, range })),
      chains: chainsTo(prefix, needs, written),
    };
  });
}

function npmNeeds(packages: LockPackages): Need[] {
  return Object.entries(packages).flatMap(([location, entry]) => {
    if (entry.link === true) return [];
    const { dependencies, optionalDependencies, peerDependencies } = entry;
    const from = location === "" ? "package.json" : location;
    return Object.entries({ ...peerDependencies, ...optionalDependencies, ...dependencies }).flatMap(([name, range]) =>
      needOf(packages, { from, location, name, range }),
    );
  });
}

/** go.mod names what came along too, as `// indirect`: who needs that is told by the modules. */
function goNeeds(asked: ModFile | undefined, held: readonly HeldModule[]): Need[] {
  const prefixes = new Map(held.map(({ module, prefix }) => [module, prefix]));
  const needs = (from: string, requires: ModFile["requires"]) =>
    requires.flatMap(({ path, version }) => {
      const to = prefixes.get(path);
      return to === undefined || to === from ? [] : [{ from, to, range: version }];
    });
  return [
    ...needs("go.mod", asked?.requires.filter(({ indirect }) => !indirect) ?? []),
    ...held.flatMap(({ prefix, requires }) => needs(prefix, requires)),
  ];
}

/** What Node finds from below `src/`: the top of the closure. */
function ownNeeds({ path, dependencies }: OwnManifest, packages: LockPackages): Need[] {
  return Object.entries(dependencies).flatMap(([name, range]) =>
    needOf(packages, { from: path, location: "", name, range }),
  );
}

function needOf(
  packages: LockPackages,
  { from, location, name, range }: { from: string; location: string; name: string; range: string },
): Need[] {
  const place = lookUpwards(location, name, packages);
  if (place === undefined) return [];
  // A git source stands in the lock as a link to its prefix.
  const { link, resolved } = packages[place] ?? {};
  return [{ from, to: link === true && resolved !== undefined ? resolved : place, range }];
}

/** Breadth first, from what is needed to those who need it. */
function chainsTo(prefix: string, needs: readonly Need[], written: ReadonlySet<string>): string[][] {
  const found: string[][] = [];
  const seen = new Set([prefix]);
  const queue = [[prefix]];
  for (let chain = queue.shift(); chain !== undefined; chain = queue.shift()) {
    for (const { from } of needs.filter(({ to }) => to === chain[0])) {
      if (seen.has(from)) continue;
      seen.add(from);
      if (written.has(from)) found.push([from, ...chain]);
      else queue.push([from, ...chain]);
    }
  }
  return found;
}
