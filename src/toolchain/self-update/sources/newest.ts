import semver from "semver";
import type { Wanted } from "./source.ts";

/** The version that is wanted out of those there are. */
export function newest(versions: readonly string[], { to, channel }: Wanted): string | undefined {
  if (to !== undefined) return versions.find((version) => version === to);
  return semver
    .rsort(versions.filter((version) => semver.valid(version) !== null))
    .find((version) => channel === "next" || semver.prerelease(version) === null);
}
