import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { FlowError } from "../core/errors.ts";
import { parsePackage } from "./git/package.ts";
import { lockPackages, lookUpwards } from "./npm/lock.ts";
import { importName, isGo, isPackage } from "./sources.ts";
import type { Mirror } from "./types.ts";

export interface LinkTarget {
  /** Name that services import. */
  name: string;
  /** Absolute directory in the mirror's work tree. */
  target: string;
}

/** Every package that services can import by name: those at the top of the closure, and git sources that are packages. */
export async function linkTargets(mirror: Mirror): Promise<LinkTarget[]> {
  const targets = new Map<string, string>();
  for (const [prefix, entry] of Object.entries(mirror.manifest.prefixes)) {
    if (isGo(entry)) continue;
    const target = join(mirror.dir, prefix);
    const name = isPackage(entry) ? topName(prefix) : await packageNameIn(target);
    if (name !== undefined) targets.set(name, target);
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
 * A package of the mirror and all it needs at run time, itself first, as Node's lookup finds them.
 * @throws FlowError FLOW_VENDOR_NO_PREFIX when the mirror does not hold it
 */
export async function npmClosure(mirror: Mirror, name: string): Promise<ClosurePackage[]> {
  const root = `node_modules/${name}`;
  if (mirror.manifest.prefixes[root] === undefined) {
    throw new FlowError("FLOW_VENDOR_NO_PREFIX", `the mirror does not hold the package ${name}`, {
      hint: `flow vendor add npm:${name}`,
    });
  }
  const text = await readFile(join(mirror.dir, "package-lock.json"), "utf8").catch(() => undefined);
  const packages = lockPackages(text);
  const found = new Map<string, ClosurePackage>();
  const visit = (place: string): void => {
    // A git source stands in the lock as a link to its prefix.
    const { link, resolved } = packages[place] ?? {};
    const prefix = link === true && resolved !== undefined ? resolved : place;
    const entry = mirror.manifest.prefixes[prefix];
    if (entry === undefined || found.has(prefix)) return;
    found.set(prefix, {
      name: importName(place),
      version: entry.version ?? entry.ref,
      prefix,
      dir: join(mirror.dir, prefix),
    });
    const { dependencies, optionalDependencies, peerDependencies } = packages[prefix] ?? {};
    for (const dependency of Object.keys({ ...dependencies, ...optionalDependencies, ...peerDependencies })) {
      const place = lookUpwards(prefix, dependency, packages);
      if (place !== undefined) visit(place);
    }
  };
  visit(root);
  return [...found.values()];
}
