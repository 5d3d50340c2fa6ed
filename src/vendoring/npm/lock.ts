import semver from "semver";
import { FlowError } from "../../core/errors.ts";
import { formatJson, parseJson } from "../../core/json.ts";
import { refusal, type OwnNames } from "./names.ts";
import type { ClosureFiles } from "./staging.ts";

/** A place in a package-lock.json (lockfileVersion 2 and 3), as far as flow reads it. */
export interface LockEntry {
  name?: string;
  version?: string;
  resolved?: string;
  link?: boolean;
  inBundle?: boolean;
  dependencies?: Record<string, string>;
  optionalDependencies?: Record<string, string>;
  peerDependencies?: Record<string, string>;
  devDependencies?: Record<string, string>;
  [field: string]: unknown;
}

export type LockPackages = Readonly<Record<string, LockEntry>>;

export interface LockSource {
  text: string;
  /** Its path, for messages. */
  path: string;
}

/** Node's lookup in a lock: the package's own node_modules, then those above. */
export function lookUpwards(from: string, name: string, packages: LockPackages): string | undefined {
  for (let at = from; ; at = at.slice(0, Math.max(0, at.lastIndexOf("/node_modules/")))) {
    const place = at === "" ? `node_modules/${name}` : `${at}/node_modules/${name}`;
    if (packages[place] !== undefined) return place;
    if (at === "") return undefined;
  }
}

/** The places of a lock; none without one. @throws FlowError FLOW_INVALID_JSON, FLOW_VENDOR_BAD_LOCK for a lock older than npm 7 */
export function lockPackages(text: string | undefined, path = "package-lock.json"): LockPackages {
  if (text === undefined) return {};
  const { packages, lockfileVersion } = parseJson(text, path) as { packages?: unknown; lockfileVersion?: unknown };
  if (typeof packages === "object" && packages !== null) return packages as LockPackages;
  throw new FlowError("FLOW_VENDOR_BAD_LOCK", `${path} is no package-lock.json of npm 7 or later`, {
    cause: `its lockfileVersion is ${String(lockfileVersion ?? "missing")}`,
    hint: "renew it beside its package.json: npm install --package-lock-only --lockfile-version 3",
  });
}

/**
 * The mirror's package.json and lock with another lock taken in whole: what both have is what the other lock says, and
 * what its package.json wants, the mirror wants too. Its addresses are dropped: the packages come from the registry
 * that the team uses.
 * @throws FlowError FLOW_VENDOR_BAD_LOCK naming what no registry holds (git, paths), FLOW_VENDOR_OWN_NAME
 */
export function takeLock(files: ClosureFiles, source: LockSource, own: OwnNames): ClosureFiles {
  const packages = lockPackages(source.text, source.path);
  const members = Object.entries(packages).filter(([location]) => !isPlace(location));
  refuseForeign(packages, source.path, own);
  const taken = Object.fromEntries(
    Object.entries(packages)
      .filter(([location, entry]) => isTopPlace(location) && entry.link !== true)
      .map(([location, entry]) => [location, published(entry)]),
  );
  const mirror = Object.entries(lockPackages(files.packageLock)).filter(
    ([location]) => location !== "" && !replaced(location, files, taken),
  );
  const manifest = parseObject(files.packageJson);
  const wants = (field: keyof LockEntry) =>
    Object.assign({}, ...members.toReversed().map(([, entry]) => entry[field])) as Record<string, string>;
  const linked = new Set(
    Object.entries(packages).flatMap(([location, { link }]) => (link === true ? [nameAt(location)] : [])),
  );
  const kept = (ranges: Record<string, string>) =>
    Object.fromEntries(Object.entries(ranges).filter(([name]) => !linked.has(name) && taken[`node_modules/${name}`]));
  const optional = kept(wants("optionalDependencies"));
  const dependencies = {
    ...(manifest.dependencies as object | undefined),
    ...kept({ ...wants("peerDependencies"), ...wants("devDependencies"), ...wants("dependencies") }),
  };
  const optionalDependencies = { ...(manifest.optionalDependencies as object | undefined), ...optional };
  const packageJson = {
    ...manifest,
    dependencies: Object.fromEntries(Object.entries(dependencies).filter(([name]) => optional[name] === undefined)),
    ...(Object.keys(optionalDependencies).length === 0 ? {} : { optionalDependencies }),
  };
  return {
    packageJson: formatJson(packageJson),
    packageLock: formatJson({
      name: "vendor",
      lockfileVersion: 3,
      requires: true,
      packages: { "": packageJson, ...withOwnCopies({ ...Object.fromEntries(mirror), ...taken }, files, taken) },
    }),
  };
}

/**
 * That what was resolved is what a lock says: `npm ci` refuses the same.
 * @throws FlowError FLOW_VENDOR_BAD_LOCK naming the packages for which it is not
 */
export function checkLock(wanted: string, resolved: string, path: string): void {
  const packages = lockPackages(resolved);
  const differing = Object.entries(lockPackages(wanted)).flatMap(([location, { version, link }]) => {
    if (link === true || !isTopPlace(location)) return [];
    const got = packages[location];
    return got === undefined || got.link === true || got.version === version
      ? []
      : [`${nameAt(location)} (${version} there, ${got.version} needed)`];
  });
  if (differing.length === 0) return;
  throw new FlowError(
    "FLOW_VENDOR_BAD_LOCK",
    `${path} contradicts itself or its package.json: ${differing.join(", ")}`,
    {
      hint: "renew it beside its package.json: npm install --package-lock-only",
    },
  );
}

function refuseForeign(packages: LockPackages, path: string, own: OwnNames): void {
  for (const [location, { name, resolved = "", link }] of Object.entries(packages)) {
    if (!isPlace(location)) continue;
    if (link === true || own.provided.has(nameAt(location))) continue;
    const foreign = /^(git[+@:]|git$|file:|github:)|^[^/]+@[^/]+:|\.git(#|$)/.test(resolved);
    if (foreign) {
      throw new FlowError("FLOW_VENDOR_BAD_LOCK", `${path} takes ${nameAt(location)} from no registry`, {
        cause: resolved,
        hint: "add it as a source of its own first (flow vendor add GIT-URL@COMMIT): the mirror then provides it",
      });
    }
    const refused = refusal(name ?? nameAt(location), own);
    if (refused !== undefined) throw refused;
  }
}

/** What a registry says of a package: nothing of where this lock had it from, or what for. */
function published({ resolved: _resolved, dev: _dev, devOptional: _devOptional, ...entry }: LockEntry): LockEntry {
  return entry;
}

/**
 * Gives what the mirror held its old dependencies, nested, where the other lock has put versions that do not fit it:
 * npm's resolver would move the other lock's packages instead.
 */
function withOwnCopies(
  merged: Record<string, LockEntry>,
  { packageLock }: ClosureFiles,
  taken: LockPackages,
): LockPackages {
  const before = lockPackages(packageLock);
  const queue = Object.keys(merged).filter((location) => taken[location] === undefined);
  for (let location = queue.pop(); location !== undefined; location = queue.pop()) {
    const { dependencies, optionalDependencies } = merged[location] as LockEntry;
    for (const [name, range] of Object.entries({ ...dependencies, ...optionalDependencies })) {
      const now = merged[lookUpwards(location, name, merged) ?? ""]?.version;
      const old = lookUpwards(location, name, before);
      if (now === undefined || old === undefined || semver.satisfies(now, range)) continue;
      const copy = `${location}/node_modules/${name}`;
      merged[copy] = before[old] as LockEntry;
      queue.push(copy);
    }
  }
  return merged;
}

/** Whether a place of the mirror's lock gives way: another version lies there now, or around it. */
function replaced(location: string, { packageLock }: ClosureFiles, taken: LockPackages): boolean {
  const before = lockPackages(packageLock);
  for (let at = location; at !== ""; at = at.slice(0, Math.max(0, at.lastIndexOf("/node_modules/")))) {
    const other = taken[at];
    if (other !== undefined && (at === location || other.version !== before[at]?.version)) return true;
  }
  return false;
}

function isPlace(location: string): boolean {
  return /(^|\/)node_modules\/[^/]/.test(location);
}

/** What lies in a workspace member's own node_modules has no place in a mirror: it is resolved again. */
function isTopPlace(location: string): boolean {
  return location.startsWith("node_modules/");
}

function nameAt(location: string): string {
  return location.split("node_modules/").at(-1) as string;
}

function parseObject(text: string | undefined): Record<string, unknown> {
  return text === undefined
    ? { name: "vendor", private: true }
    : (parseJson(text, "package.json") as Record<string, unknown>);
}
