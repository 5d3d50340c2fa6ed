import type { Git } from "../../core/git/index.ts";
import { packagesAt, type PackageManifest } from "../git/package.ts";
import { parseModFile } from "../go/mod-file.ts";
import { lookUp, readObjects } from "../trees.ts";

/** What a state of a prefix says about itself. */
export interface PackageFacts {
  /** What it needs at run time, with the range it asks for. */
  dependencies: ReadonlyMap<string, string>;
  /** What runs when npm installs it, by the script's name. */
  installScripts: ReadonlyMap<string, string>;
}

/** Facts of many states by a few processes. @param trees as `commit:prefix` */
export async function factsAt(git: Git, trees: readonly string[]): Promise<PackageFacts[]> {
  const manifests = await packagesAt(git, trees);
  const modFiles = await readObjects(
    git,
    trees.map((tree) => `${tree}/go.mod`),
  );
  const gyp = await lookUp(
    git,
    trees.map((tree) => `${tree}/binding.gyp`),
  );
  return trees.map((_, index) => ({
    dependencies: new Map([...npmNeeds(manifests[index]), ...goNeeds(modFiles[index])]),
    installScripts: new Map(scriptsOf(manifests[index], gyp[index] !== undefined)),
  }));
}

function npmNeeds(manifest: PackageManifest | undefined): [string, string][] {
  const fields = ["peerDependencies", "optionalDependencies", "dependencies"];
  return fields.flatMap((field) => textsIn(manifest?.[field]));
}

function goNeeds(text: Buffer | undefined): [string, string][] {
  const requires = text === undefined ? [] : (parseModFile(text.toString("utf8"))?.requires ?? []);
  return requires.filter(({ indirect }) => !indirect).map(({ path, version }) => [path, version]);
}

/** npm builds a package that has a binding.gyp and says nothing of how. */
function scriptsOf(manifest: PackageManifest | undefined, gyp: boolean): [string, string][] {
  const scripts = textsIn(manifest?.scripts).filter(([name]) => /^(pre|post)?install$/.test(name));
  const implicit = gyp && manifest?.gypfile !== false && !scripts.some(([name]) => /^(pre)?install$/.test(name));
  return implicit ? [...scripts, ["install", "node-gyp rebuild"]] : scripts;
}

function textsIn(value: unknown): [string, string][] {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return [];
  return Object.entries(value).filter((entry): entry is [string, string] => typeof entry[1] === "string");
}
