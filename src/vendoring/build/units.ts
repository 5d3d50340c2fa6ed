import { createHash } from "node:crypto";
import type { VendorDefinition } from "../../config/index.ts";
import { FlowError } from "../../core/errors.ts";
import type { Git } from "../../core/git/index.ts";
import { readCone } from "../clone/cone.ts";
import { packagesAt } from "../git/package.ts";
import { lockPackages, lookUpwards, type LockPackages } from "../npm/lock.ts";
import { importName, isPackage } from "../sources.ts";
import { lookUp, topFile } from "../trees.ts";
import type { Mirror } from "../types.ts";

/** What is run in a copy of a package: its own install scripts, or the team's recipe. */
export interface BuildStep {
  /** Directory inside the unit; "" is the unit itself. */
  directory: string;
  name: string;
  version: string;
  commands: (string | readonly string[])[];
}

/** A package at the top of the closure, or a git source, that is not used as it lies in the mirror. */
export interface BuildUnit {
  /** Name that it is imported by. */
  name: string;
  prefix: string;
  /** None for what is only copied, so that it finds the built packages that it depends on. */
  steps: BuildStep[];
  /** Changes with everything that the result depends on, but Node and the platform. */
  identity: string;
}

/**
 * What flow.yaml allows to be built, as it is committed: packages whose install scripts may run, git sources with a
 * recipe, and all that depends on one of these.
 * @throws FlowError FLOW_VENDOR_NO_PREFIX for a name that the mirror does not hold
 */
export async function buildUnits(git: Git, mirror: Mirror, definition: VendorDefinition): Promise<BuildUnit[]> {
  const { installScripts = [], build = {} } = definition;
  if (installScripts.length === 0 && Object.keys(build).length === 0) return [];
  const all = Object.keys(mirror.manifest.prefixes).sort();
  const cone = await readCone(git);
  // What a sparse clone has not checked out is used by nobody here.
  const prefixes = all.filter((prefix) => cone.holds(prefix));
  const found = await packagesAt(
    git,
    prefixes.map((prefix) => `${mirror.head}:${prefix}`),
  );
  const manifests = new Map(prefixes.map((prefix, index) => [prefix, found[index]]));
  const nameOf = (prefix: string) => manifests.get(prefix)?.name ?? importName(prefix);
  const steps = new Map<string, BuildStep[]>();
  const add = (prefix: string, commands: BuildStep["commands"]) => {
    const unit = unitOf(prefix);
    const directory = prefix.slice(unit.length + 1);
    const step = { directory, name: nameOf(prefix), version: String(manifests.get(prefix)?.version ?? ""), commands };
    steps.set(unit, [...(steps.get(unit) ?? []), step]);
  };
  for (const name of installScripts) {
    const named = all.filter((prefix) => isPackage(entryOf(mirror, prefix)) && importName(prefix) === name);
    if (named.length === 0) throw unknown(name, "installScripts");
    for (const prefix of named.filter((item) => cone.holds(item))) {
      const scripts = (manifests.get(prefix)?.scripts ?? {}) as Record<string, string>;
      const commands = ["preinstall", "install", "postinstall"].flatMap((key) => scripts[key] ?? []);
      const native = (await topFile(git, `${prefix}/binding.gyp`, mirror.head)) !== undefined;
      // npm's own rule: a binding.gyp without an install script is built by node-gyp.
      if (native && scripts.install === undefined && scripts.preinstall === undefined)
        commands.unshift("node-gyp rebuild");
      add(prefix, commands);
    }
  }
  for (const [name, command] of Object.entries(build)) {
    const prefix = all.find((item) => item === name) ?? all.find((item) => nameOf(item) === name);
    if (prefix === undefined && cone.directories === undefined) throw unknown(name, "build");
    if (prefix === undefined || !cone.holds(prefix)) continue;
    add(prefix, [command]);
  }
  const lock = lockPackages(await topFile(git, "package-lock.json", mirror.head));
  const needs = needsOf(lock);
  const units = [...withDependents([...steps.keys()], needs)].filter(
    (unit) => mirror.manifest.prefixes[unit] !== undefined && cone.holds(unit),
  );
  const trees = await treesOf(git, mirror, new Set(units.flatMap((unit) => [...reach(unit, needs)])));
  return units.sort().map((prefix) => ({
    name: nameOf(prefix),
    prefix,
    steps: steps.get(prefix) ?? [],
    identity: digest([
      steps.get(prefix) ?? [],
      [...reach(prefix, needs)].sort().map((unit) => [unit, trees.get(unit)]),
    ]),
  }));
}

function entryOf({ manifest }: Mirror, prefix: string): { source: string } {
  return manifest.prefixes[prefix] ?? { source: "" };
}

/** The package at the top whose directory a place lies in. */
function unitOf(location: string): string {
  return /^node_modules\/(?:@[^/]+\/)?[^/]+/.exec(location)?.[0] ?? location;
}

/** Which units need which, by Node's lookup. */
function needsOf(lock: LockPackages): Map<string, Set<string>> {
  const needs = new Map<string, Set<string>>();
  for (const [location, entry] of Object.entries(lock)) {
    if (location === "" || entry.link === true) continue;
    const unit = unitOf(location);
    const known = needs.get(unit) ?? new Set();
    needs.set(unit, known);
    for (const name of Object.keys({
      ...entry.dependencies,
      ...entry.optionalDependencies,
      ...entry.peerDependencies,
    })) {
      const place = lookUpwards(location, name, lock);
      if (place === undefined) continue;
      const { link, resolved } = lock[place] ?? {};
      known.add(link === true && resolved !== undefined ? resolved : unitOf(place));
    }
  }
  return needs;
}

function withDependents(units: readonly string[], needs: ReadonlyMap<string, ReadonlySet<string>>): Set<string> {
  const all = new Set(units);
  for (let before = 0; before !== all.size;) {
    before = all.size;
    for (const [unit, needed] of needs) if ([...needed].some((other) => all.has(other))) all.add(unit);
  }
  return all;
}

/** A unit and all that it needs. */
function reach(unit: string, needs: ReadonlyMap<string, ReadonlySet<string>>): Set<string> {
  const all = new Set([unit]);
  for (const item of all) for (const other of needs.get(item) ?? []) all.add(other);
  return all;
}

async function treesOf(
  git: Git,
  { head }: Mirror,
  units: ReadonlySet<string>,
): Promise<Map<string, string | undefined>> {
  const list = [...units];
  const trees = await lookUp(
    git,
    list.map((unit) => `${head}:${unit}`),
  );
  return new Map(list.map((unit, index) => [unit, trees[index]]));
}

function digest(value: unknown): string {
  return createHash("sha256").update(JSON.stringify(value)).digest("hex");
}

function unknown(name: string, key: string): FlowError {
  return new FlowError(
    "FLOW_VENDOR_NO_PREFIX",
    `flow.yaml: vendor.${key} names ${name}, which the mirror does not hold`,
    {
      hint: `flow vendor add npm:${name}, or take it out of flow.yaml`,
    },
  );
}
