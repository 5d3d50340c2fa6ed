import type { Git } from "../../core/git/index.ts";
import { lookUp, readObjects } from "../trees.ts";

/** A package.json of a git source, as far as flow reads it. */
export type PackageManifest = Record<string, unknown> & { name?: string; version?: string };

/** package.json at the top of each tree (a commit, or `commit:path`); undefined where there is none or it is no JSON object. */
export async function packagesAt(git: Git, trees: readonly string[]): Promise<(PackageManifest | undefined)[]> {
  const texts = await readObjects(
    git,
    trees.map((tree) => (tree.includes(":") ? `${tree}/package.json` : `${tree}:package.json`)),
  );
  return texts.map((text) => (text === undefined ? undefined : parsePackage(text.toString("utf8"))));
}

export async function packageAt(git: Git, tree: string): Promise<PackageManifest | undefined> {
  return (await packagesAt(git, [tree]))[0];
}

export function parsePackage(text: string): PackageManifest | undefined {
  try {
    const value = JSON.parse(text.charCodeAt(0) === 0xfeff ? text.slice(1) : text) as unknown;
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as PackageManifest)
      : undefined;
  } catch {
    return undefined;
  }
}

/** Files that `exports`, `main` or `module` name and the commit does not hold: such a package needs to be built first. */
export async function missingEntries(git: Git, commit: string, manifest: PackageManifest): Promise<string[]> {
  const targets = manifest.exports === undefined ? [manifest.main, manifest.module] : stringsIn(manifest.exports);
  const paths = [
    ...new Set(
      targets
        .filter((target) => typeof target === "string")
        .map((target) => target.replace(/^\.\//, ""))
        .filter((path) => path !== "" && !path.includes("*")),
    ),
  ];
  const candidates = await lookUp(
    git,
    paths.flatMap((path) => [`${commit}:${path}`, `${commit}:${path}.js`, `${commit}:${path}/index.js`]),
  );
  return paths.filter((_, index) => candidates.slice(index * 3, index * 3 + 3).every((hash) => hash === undefined));
}

/** All targets in an `exports` field, whatever its conditions and subpaths. */
function stringsIn(value: unknown): string[] {
  if (typeof value === "string") return [value];
  if (typeof value !== "object" || value === null) return [];
  return Object.values(value).flatMap(stringsIn);
}
