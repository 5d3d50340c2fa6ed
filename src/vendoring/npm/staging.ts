import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { formatJson, parseJson } from "../../core/json.ts";

/** A package that the mirror provides itself: a packed release, or a git source whose package.json names it. */
export interface ProvidedPackage {
  name: string;
  version: string;
  /** Where it lies in the mirror: `node_modules/<name>` for a release. */
  prefix: string;
  /** Of a release's tarball. */
  integrity?: string;
  manifest: Readonly<Record<string, unknown>>;
}

interface LockFile {
  packages: Record<string, Record<string, unknown>>;
}

const fieldsInLock = [
  "dependencies",
  "optionalDependencies",
  "peerDependencies",
  "peerDependenciesMeta",
  "bin",
  "engines",
  "license",
  "os",
  "cpu",
] as const;

/** Texts of package.json and package-lock.json as the mirror has them; undefined where it has none. */
export interface ClosureFiles {
  packageJson: string | undefined;
  packageLock: string | undefined;
}

/**
 * Lays out what npm's resolver starts from. What the mirror provides itself stands in the lock already, so that the
 * resolver takes it as it is and never asks a registry: a release at its place, a git source as a link, as npm does
 * for `file:` directories.
 */
export async function stageClosure(
  staging: string,
  { packageJson, packageLock }: ClosureFiles,
  provided: readonly ProvidedPackage[],
): Promise<void> {
  const manifest = parseObject(packageJson, "package.json") ?? { name: "vendor", private: true };
  const dependencies = { ...(manifest.dependencies as Record<string, string> | undefined) };
  for (const item of provided) dependencies[item.name] = specOf(item);
  const lock = parseObject(packageLock, "package-lock.json") as LockFile | undefined;
  await writeFile(join(staging, "package.json"), formatJson({ ...manifest, dependencies }));
  if (lock !== undefined || provided.length > 0) {
    await writeFile(join(staging, "package-lock.json"), formatJson(lockWith(lock, { dependencies, provided })));
  }
  for (const item of provided.filter(isLinked)) {
    await mkdir(join(staging, item.prefix), { recursive: true });
    await writeFile(join(staging, item.prefix, "package.json"), formatJson(runtimePart(item)));
  }
}

function isLinked({ name, prefix }: ProvidedPackage): boolean {
  return prefix !== `node_modules/${name}`;
}

function specOf(item: ProvidedPackage): string {
  return isLinked(item) ? `file:${item.prefix}` : item.version;
}

/** What a package needs at run time: its development dependencies are its authors' affair. */
function runtimePart({ name, version, manifest }: ProvidedPackage): Record<string, unknown> {
  const fields = fieldsInLock.filter((field) => manifest[field] !== undefined);
  return { name, version, ...Object.fromEntries(fields.map((field) => [field, manifest[field]])) };
}

function lockWith(
  lock: LockFile | undefined,
  { dependencies, provided }: { dependencies: Record<string, string>; provided: readonly ProvidedPackage[] },
): object {
  const base = lock ?? { name: "vendor", lockfileVersion: 3, requires: true, packages: {} };
  const packages = Object.fromEntries(
    Object.entries(base.packages ?? {}).filter(([location]) => !provided.some((item) => isCopyOf(item, location))),
  );
  packages[""] = { ...packages[""], dependencies };
  for (const item of provided) {
    const { name: _name, ...entry } = runtimePart(item);
    if (isLinked(item)) {
      packages[`node_modules/${item.name}`] = { resolved: item.prefix, link: true };
      packages[item.prefix] = runtimePart(item);
    } else {
      packages[item.prefix] = { ...entry, integrity: item.integrity };
    }
  }
  return { ...base, packages };
}

/** Whether a place in the lock holds, or lies in, another copy of a provided package than the one that the mirror provides. */
function isCopyOf(item: ProvidedPackage, location: string): boolean {
  const [base, ...names] = `/${location}`.split("/node_modules/");
  const ownPlace = (index: number) => !isLinked(item) && base === "" && index === 0;
  return names.some((name, index) => name === item.name && !ownPlace(index));
}

function parseObject(text: string | undefined, what: string): Record<string, unknown> | undefined {
  return text === undefined ? undefined : (parseJson(text, what) as Record<string, unknown>);
}
