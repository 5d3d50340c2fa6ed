import { dirname } from "node:path";
import { closureOf, type Held } from "../packages.ts";
import { isGit, isGo } from "../sources.ts";

/** What somebody needs of a mirror in the work tree. */
export interface Needs {
  /** Names that are imported; what they need themselves comes with them. */
  packages: Iterable<string>;
  /** Those that the mirror does not hold are passed over. */
  prefixes?: Iterable<string>;
  /** Single files, in a prefix or in the mirror's own directories. */
  files?: Iterable<string>;
  /** Whether Go is built from the mirror: then all of its modules are needed, because Go reads the go.mod of each. */
  go?: boolean;
}

/**
 * The directories of the work tree that hold what is needed: a package at the top of the closure brings those nested in
 * it, and the link that stands for a git source comes with it.
 */
export function neededDirectories(held: Held, { packages, prefixes = [], files = [], go = false }: Needs): string[] {
  const known = held.manifest.prefixes;
  const directories = new Set<string>();
  for (const { place, prefix } of closureOf(held, packages)) {
    directories.add(place === prefix ? topOf(prefix) : prefix);
    if (place !== prefix) directories.add(place);
  }
  for (const prefix of prefixes) if (known[prefix] !== undefined) directories.add(topOf(prefix));
  for (const file of files) {
    const prefix = Object.keys(known).find((other) => file.startsWith(`${other}/`));
    // The files at the top are always there.
    if (prefix !== undefined || file.includes("/")) directories.add(topOf(prefix ?? dirname(file)));
  }
  for (const [prefix, entry] of Object.entries(known)) {
    if (go && (isGo(entry) || isGit(entry))) directories.add(prefix);
  }
  return [...directories].sort();
}

/** The package at the top whose directory a nested one lies in; any other prefix is its own. */
function topOf(prefix: string): string {
  return /^node_modules\/(?:@[^/]+\/)?[^/]+/.exec(prefix)?.[0] ?? prefix;
}
