import type { FlowContext } from "../../core/context.ts";
import { FlowError } from "../../core/errors.ts";
import { step } from "../../core/events.ts";
import { Git } from "../../core/git/index.ts";
import { watchNetwork } from "../network.ts";
import type { Release } from "../release.ts";
import { isPackage } from "../sources.ts";
import { topFile } from "../trees.ts";
import type { AddOptions, Incoming, Mirror, PrefixEntry } from "../types.ts";
import { fetchPackages } from "./fetch.ts";
import { checkLock, takeLock, type LockEntry, type LockSource } from "./lock.ts";
import { fitsPlatforms, hostPlatform, platformInName } from "./platforms.ts";
import { checkFit, gitPackages, heldReleases } from "./provided.ts";
import { resolveClosure, type Resolution, type ResolvedPackage } from "./resolve.ts";
import { npmSettings } from "./settings.ts";
import type { ClosureFiles, ProvidedPackage } from "./staging.ts";

/** What a change of the npm closure asks for. */
export interface ClosureWish {
  /** Names with ranges, as npm writes them. */
  add: readonly string[];
  /** Names of them that were asked for without a range. */
  caret?: readonly string[];
  /** Names that nobody asks for any more. */
  remove?: readonly string[];
  update?: readonly string[] | "all";
  releases: readonly Release[];
  /** A lock that is taken whole. */
  lock?: LockSource;
  /** Nothing moves: the mirror's own lock is what is to be held, as it is committed. */
  fromLock?: boolean;
}

export interface ClosureChange {
  incoming: Incoming[];
  /** Prefixes that nothing needs any more. */
  remove: string[];
  /** Ranges that packages which stay are wanted at, by prefix. */
  refs: Record<string, string>;
  /** package.json and package-lock.json as they shall be. */
  files: Record<string, string>;
  /** Links below node_modules/ to the git sources that are packages, by path, with their targets. */
  links: Record<string, string>;
  installScripts: string[];
  holes: string[];
}

/**
 * Resolves the closure, and fetches what the mirror lacks of it. Undefined when the mirror has no npm package and none is
 * asked for: the package.json of a plain repository is its owner's affair until then.
 */
export async function changeClosure(
  ctx: FlowContext,
  mirror: Mirror,
  { wish, git: gitIncoming, options }: { wish: ClosureWish; git: readonly Incoming[]; options: AddOptions },
): Promise<ClosureChange | undefined> {
  const git = new Git(ctx, mirror.dir);
  const committed = {
    packageJson: await topFile(git, "package.json", mirror.head),
    packageLock: await topFile(git, "package-lock.json", mirror.head),
  };
  const fromGit = await gitPackages(git, mirror, gitIncoming);
  const arriving = wish.releases.map((release) => release.provided);
  const staying = (await heldReleases(git, mirror)).filter(({ name }) => !arriving.some((item) => item.name === name));
  const provided = [...fromGit, ...staying, ...arriving];
  const leaving = wish.remove ?? [];
  const byLock = wish.lock !== undefined || wish.fromLock === true;
  const asked = wish.add.length > 0 || arriving.length > 0 || leaving.length > 0 || byLock;
  if (!asked && !Object.values(mirror.manifest.prefixes).some(isPackage) && !gitIncoming.some(needsPackages(fromGit))) {
    return undefined;
  }
  const places = new Map(provided.map(({ name, prefix }) => [name, prefix]));
  const own = { ours: options.ownNames ?? [], provided: places };
  const settings = await npmSettings(ctx, { cache: options.cache, projects: [mirror.dir, ctx.cwd], own });
  const files = wish.lock === undefined ? committed : takeLock(committed, wish.lock, own);
  const resolved = await step(ctx, { id: "vendor.resolve", title: "Resolving packages" }, async ({ result }) => {
    const { add, update } = wish;
    const found = await resolveClosure(ctx, settings, {
      ...files,
      add,
      remove: leaving,
      ...(update === undefined ? {} : { update }),
      provided,
    });
    checkFit(found, provided);
    refuseNeeded(found, leaving);
    const lock = wish.lock ?? (wish.fromLock === true ? committedLock(files) : undefined);
    if (lock !== undefined) checkLock(lock.text, found.packageLock, lock.path);
    result(`${found.packages.length} packages`);
    return found;
  });
  const resolution = withCarets(resolved, wish.caret ?? []);
  refuseHoles(resolution, options.platforms);
  const platforms = options.platforms ?? [hostPlatform()];
  const held = resolution.packages.filter(
    ({ location, registryName, ...item }) =>
      places.get(registryName) !== location && (!item.optional || fitsPlatforms(item, platforms)),
  );
  const ranges = rangesOf(resolution);
  const missing = held.filter((item) => !isHeld(mirror.manifest.prefixes[item.location], item));
  const fetched =
    missing.length === 0
      ? []
      : await step(ctx, { id: "vendor.fetch", title: `Fetching ${missing.length} packages` }, ({ progress }) =>
          watchNetwork(ctx, () => fetchPackages(ctx, settings, { packages: missing, ranges, progress })),
        );
  const locations = new Set([...held.map(({ location }) => location), ...places.values()]);
  return {
    incoming: [...wish.releases.map(({ incoming }) => incoming), ...fetched],
    remove: Object.entries(mirror.manifest.prefixes)
      .filter(([prefix, entry]) => isPackage(entry) && !locations.has(prefix))
      .map(([prefix]) => prefix)
      .sort(),
    refs: Object.fromEntries(
      held
        .filter((item) => !missing.includes(item))
        .map(({ location, version }) => [location, ranges.get(location) ?? version]),
    ),
    files: { "package.json": resolution.packageJson, "package-lock.json": resolution.packageLock },
    links: linksTo(fromGit),
    installScripts: missing
      .filter(({ hasInstallScript }) => hasInstallScript)
      .map(({ name, version }) => `${name}@${version}`),
    holes: resolution.holes,
  };
}

/** As npm records what was asked for without a range: `^` and the version that came. */
function withCarets(resolution: Resolution, names: readonly string[]): Resolution {
  if (names.length === 0) return resolution;
  const versions = new Map(resolution.packages.map(({ location, version }) => [location, version]));
  const packageJson = JSON.parse(resolution.packageJson) as { dependencies?: Record<string, string> };
  const packageLock = JSON.parse(resolution.packageLock) as { packages: Record<string, LockEntry> };
  for (const name of names) {
    const version = versions.get(`node_modules/${name}`);
    if (version === undefined) continue;
    for (const dependencies of [packageJson.dependencies, packageLock.packages[""]?.dependencies]) {
      if (dependencies?.[name] === "*") dependencies[name] = `^${version}`;
    }
  }
  return {
    ...resolution,
    packageJson: formatLike(resolution.packageJson, packageJson),
    packageLock: formatLike(resolution.packageLock, packageLock),
  };
}

/** JSON with the indentation that `before` has. */
function formatLike(before: string, value: unknown): string {
  return `${JSON.stringify(value, null, /\n([ \t]+)"/.exec(before)?.[1] ?? 2)}\n`;
}

/** @throws FlowError FLOW_VENDOR_RESOLVE when others in the closure need a package that shall leave */
function refuseNeeded({ packages, requirements }: Resolution, leaving: readonly string[]): void {
  for (const name of leaving) {
    if (!packages.some(({ location }) => location === `node_modules/${name}`)) continue;
    const needing = requirements.filter((item) => item.name === name && item.from !== "").map(({ from }) => from);
    throw new FlowError("FLOW_VENDOR_RESOLVE", `${name} is needed by ${[...new Set(needing)].sort().join(", ")}`, {
      hint: "remove what needs it first; it then goes with it",
    });
  }
}

/** @throws FlowError FLOW_VENDOR_BAD_LOCK when the mirror has none */
function committedLock({ packageLock }: ClosureFiles): LockSource {
  if (packageLock !== undefined) return { text: packageLock, path: "package-lock.json" };
  throw new FlowError("FLOW_VENDOR_BAD_LOCK", "the mirror has no committed package-lock.json", {
    hint: "commit it beside package.json first: npm install --package-lock-only",
  });
}

function needsPackages(packages: readonly ProvidedPackage[]): (item: Incoming) => boolean {
  return ({ prefix }) =>
    Object.keys(packages.find((item) => item.prefix === prefix)?.manifest.dependencies ?? {}).length > 0;
}

function isHeld(entry: PrefixEntry | undefined, item: ResolvedPackage): boolean {
  return (
    entry !== undefined &&
    entry.source === `npm:${item.registryName}` &&
    entry.version === item.version &&
    (item.integrity === undefined || entry.integrity === item.integrity)
  );
}

/** Ranges of the packages that were asked for, by their place. */
function rangesOf({ packageJson }: Resolution): Map<string, string> {
  const { dependencies = {} } = JSON.parse(packageJson) as { dependencies?: Record<string, string> };
  return new Map(Object.entries(dependencies).map(([name, range]) => [`node_modules/${name}`, range]));
}

/** As npm links `file:` directories: a dependent in node_modules/ finds the git source by Node's own lookup. */
function linksTo(packages: readonly ProvidedPackage[]): Record<string, string> {
  return Object.fromEntries(
    packages.map(({ name, prefix }) => {
      const up = "../".repeat(name.split("/").length);
      return [`node_modules/${name}`, `${up}${prefix}`];
    }),
  );
}

/** @throws FlowError FLOW_VENDOR_RESOLVE for a platform that was asked for by name and that the registry has nothing for */
function refuseHoles({ holes }: Resolution, platforms: readonly string[] = []): void {
  const asked = holes.filter((hole) => platforms.includes(platformInName(hole.slice(0, hole.lastIndexOf("@"))) ?? ""));
  if (asked.length === 0) return;
  throw new FlowError(
    "FLOW_VENDOR_RESOLVE",
    `the registry does not have ${asked.join(", ")}, which the platforms asked for need`,
    {
      hint: "use a registry that has them, or take the platform out of flow.yaml's platforms",
    },
  );
}
