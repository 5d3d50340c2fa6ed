import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { FlowError } from "../core/errors.ts";
import { parsePackage } from "./git/package.ts";
import { isPackage } from "./sources.ts";
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

interface LockPackage {
  version?: string;
  dependencies?: Record<string, string>;
  optionalDependencies?: Record<string, string>;
  peerDependencies?: Record<string, string>;
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
  const text = await readFile(join(mirror.dir, "package-lock.json"), "utf8").catch(() => '{"packages":{}}');
  const { packages = {} } = JSON.parse(text) as { packages?: Record<string, LockPackage> };
  const found = new Map<string, ClosurePackage>();
  const visit = (prefix: string): void => {
    const entry = mirror.manifest.prefixes[prefix];
    if (entry === undefined || found.has(prefix)) return;
    found.set(prefix, {
      name: prefix.split("node_modules/").at(-1) as string,
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

/** Node's lookup: the package's own node_modules, then those above. */
function lookUpwards(from: string, name: string, packages: Readonly<Record<string, LockPackage>>): string | undefined {
  for (let at = from; ; at = at.slice(0, Math.max(0, at.lastIndexOf("/node_modules/")))) {
    const place = at === "" ? `node_modules/${name}` : `${at}/node_modules/${name}`;
    if (packages[place] !== undefined) return place;
    if (at === "") return undefined;
    if (!at.includes("/node_modules/"))
      return packages[`node_modules/${name}`] === undefined ? undefined : `node_modules/${name}`;
  }
}
