import type { PrefixEntry } from "./types.ts";

type Sourced = Pick<PrefixEntry, "source">;

export const unknownSource = "unknown";

/** Whether a prefix holds a package's archive, from a registry or packed on a machine. */
export function isPackage(entry: Sourced): boolean {
  return isNpm(entry) || isRelease(entry);
}

export function isNpm({ source }: Sourced): boolean {
  return source.startsWith("npm:");
}

export function isRelease({ source }: Sourced): boolean {
  return source.startsWith("release:");
}

/** Whether a prefix holds a Go module out of a module proxy. */
export function isGo({ source }: Sourced): boolean {
  return source.startsWith("go:");
}

/** Whether a prefix holds a registry tarball as it is. */
function isArchive({ source }: Sourced): boolean {
  return source.startsWith("archive:");
}

/** Whether a prefix follows a git repository that flow knows. */
export function isGit(entry: Sourced): boolean {
  return !isPackage(entry) && !isGo(entry) && !isArchive(entry) && entry.source !== unknownSource;
}

/** Name of a package in its registry, of a release, or of a Go module. */
export function packageNameOf({ source }: Sourced): string {
  return source.replace(/^(npm|release|go|archive):/, "");
}

/** The name that a prefix is imported by: `@scope/x` of `node_modules/a/node_modules/@scope/x`. */
export function importName(prefix: string): string {
  return prefix.split("node_modules/").at(-1) as string;
}
