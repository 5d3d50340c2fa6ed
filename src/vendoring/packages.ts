import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { FlowError } from "../core/errors.ts";
import { parsePackage } from "./git/package.ts";
import { lockPackages, lookUpwards, type LockPackages } from "./npm/lock.ts";
import { fitsPlatforms, hostPlatform } from "./npm/platforms.ts";
import { importName, isGo, isPackage } from "./sources.ts";
import type { Manifest, Mirror, PrefixEntry } from "./types.ts";

export interface LinkTarget {
  /** Name that services import. */
  name: string;
  /** Absolute directory in the mirror's work tree. */
  target: string;
}

/**
 * Every package that services can import by name: those at the top of the closure, and git sources that are packages.
 * What a sparse clone does not have in its work tree is left out.
 */
export async function linkTargets(mirror: Mirror): Promise<LinkTarget[]> {
  const targets = new Map<string, string>();
  for (const [prefix, entry] of Object.entries(mirror.manifest.prefixes)) {
    if (isGo(entry)) continue;
    const target = join(mirror.dir, prefix);
    const name = isPackage(entry) ? topName(prefix) : await packageNameIn(target);
    if (name !== undefined && existsSync(target)) targets.set(name, target);
  }
  return [...targets].map(([name, target]) => ({ name, target })).sort((a, b) => (a.name < b.name ? -1 : 1));
}

function topName(prefix: string): string | undefined {
  return /^node_modules\/((?:@[^/]+\/)?[^/]+)$/.exec(prefix)?.[1];
}

async function packageNameIn(dir: string): Promise<string | undefined> {
  const text = await readFile(join(dir, "package.json"), "utf8").catch(() => "");
  const name = parsePackage(text)?.name;
  return typeof name === "string" ? name : undefined;
}

export interface ClosurePackage {
  name: string;
  version: string;
  prefix: string;
  dir: string;
}

/**
 * A package of the mirror and all it needs at run time on this machine, itself first, as Node's lookup finds them.
 * @throws FlowError FLOW_VENDOR_NO_PREFIX when the mirror does not hold it
 */
export async function npmClosure(mirror: Mirror, name: string): Promise<ClosurePackage[]> {
  const text = await readFile(join(mirror.dir, "package-lock.json"), "utf8").catch(() => undefined);
  const { manifest, dir } = mirror;
  if (manifest.prefixes[`node_modules/${name}`] === undefined) {
    throw new FlowError("FLOW_VENDOR_NO_PREFIX", `the mirror does not hold the package ${name}`, {
      hint: `flow vendor add npm:${name}`,
    });
  }
  return closureOf({ manifest, lock: lockPackages(text) }, [name]).map(({ place, prefix }) => {
    const { version, ref } = manifest.prefixes[prefix] as PrefixEntry;
    return { name: importName(place), version: version ?? ref, prefix, dir: join(dir, prefix) };
  });
}

/** What a mirror holds, and which of its packages need which. */
export interface Held {
  manifest: Manifest;
  lock: LockPackages;
}

/** A prefix, and the place in `node_modules/` that its package is found at. */
export interface Reached {
  place: string;
  prefix: string;
}

/**
 * Packages of a mirror by name with all that they need at run time, as Node's lookup finds them; names that it does not
 * hold, and binaries for other platforms than this machine's, are left out.
 */
export function closureOf({ manifest, lock }: Held, names: Iterable<string>): Reached[] {
  const platform = hostPlatform();
  const found = new Map<string, Reached>();
  const visit = (place: string, isAsked: boolean): void => {
    // A git source stands in the lock as a link to its prefix.
    const { link, resolved, os, cpu, libc } = lock[place] ?? {};
    const prefix = link === true && resolved !== undefined ? resolved : place;
    if (manifest.prefixes[prefix] === undefined || found.has(prefix)) return;
    const limits = { os: listed(os), cpu: listed(cpu), libc: listed(libc) };
    if (!isAsked && !fitsPlatforms(limits, [platform])) return;
    found.set(prefix, { place, prefix });
    const { dependencies, optionalDependencies, peerDependencies } = lock[prefix] ?? {};
    for (const dependency of Object.keys({ ...dependencies, ...optionalDependencies, ...peerDependencies })) {
      const needed = lookUpwards(prefix, dependency, lock);
      if (needed !== undefined) visit(needed, false);
    }
  };
  for (const name of names) visit(`node_modules/${name}`, true);
  return [...found.values()];
}

function listed(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === "string") : [];
}
