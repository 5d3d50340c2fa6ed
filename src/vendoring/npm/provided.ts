import semver from "semver";
import { FlowError } from "../../core/errors.ts";
import type { Git } from "../../core/git/index.ts";
import { packageAt, packagesAt } from "../git/package.ts";
import { isGit, isRelease, packageNameOf, unknownSource } from "../sources.ts";
import type { Incoming, Mirror } from "../types.ts";
import type { Resolution } from "./resolve.ts";
import type { ProvidedPackage } from "./staging.ts";

const packageName = /^(@[a-z0-9~-][\w.~-]*\/)?[a-z0-9~-][\w.~-]*$/i;

/**
 * Packages that git sources provide: those of the mirror, at what they will be once `incoming` is in.
 * @throws FlowError FLOW_VENDOR_RESOLVE when two of them are the same package
 */
export async function gitPackages(
  git: Git,
  { manifest, head }: Mirror,
  incoming: readonly Incoming[],
): Promise<ProvidedPackage[]> {
  const trees = new Map<string, string>();
  for (const [prefix, entry] of Object.entries(manifest.prefixes)) {
    if (isGit(entry) || (entry.source === unknownSource && !prefix.includes("node_modules/"))) {
      trees.set(prefix, `${head}:${prefix}`);
    }
  }
  for (const { prefix, content } of incoming) if ("commit" in content) trees.set(prefix, content.commit);
  const found = new Map<string, ProvidedPackage>();
  const manifests = await packagesAt(git, [...trees.values()]);
  for (const [index, prefix] of [...trees.keys()].entries()) {
    const described = manifests[index];
    const name = described?.name;
    if (described === undefined || typeof name !== "string" || !packageName.test(name)) continue;
    const other = found.get(name);
    if (other !== undefined) {
      throw new FlowError("FLOW_VENDOR_RESOLVE", `${prefix} is the package ${name}, and so is ${other.prefix}`, {
        hint: "one name can come from one place only: keep one of the two",
      });
    }
    found.set(name, { name, version: semver.valid(described.version) ?? "0.0.0", prefix, manifest: described });
  }
  return [...found.values()];
}

/** Releases that the mirror holds, as they lie there: a patch of their package.json counts. */
export async function heldReleases(git: Git, { manifest, head }: Mirror): Promise<ProvidedPackage[]> {
  const releases: ProvidedPackage[] = [];
  for (const [prefix, entry] of Object.entries(manifest.prefixes)) {
    if (!isRelease(entry)) continue;
    const { version = entry.ref, integrity } = entry;
    const described = (await packageAt(git, `${head}:${prefix}`)) ?? {};
    const name = packageNameOf(entry);
    releases.push({ name, version, prefix, manifest: described, ...(integrity === undefined ? {} : { integrity }) });
  }
  return releases;
}

/** @throws FlowError FLOW_VENDOR_RESOLVE when a dependent needs another version than the mirror provides itself */
export function checkFit({ requirements }: Resolution, provided: readonly ProvidedPackage[]): void {
  const versions = new Map(provided.map((item) => [item.name, item]));
  for (const { from, name, range } of requirements) {
    const item = versions.get(name);
    if (item === undefined || semver.validRange(range) === null) continue;
    if (semver.satisfies(item.version, range, { includePrerelease: true })) continue;
    throw new FlowError(
      "FLOW_VENDOR_RESOLVE",
      `${from === "" ? "the mirror's package.json" : from} needs ${name}@${range}, but the mirror takes ${name} from ${item.prefix}, which is ${item.version}`,
      { hint: `move ${item.prefix} to a version that fits, or take it out of the mirror` },
    );
  }
}
