import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Arborist from "@npmcli/arborist";
import npa from "npm-package-arg";
import type { FlowContext } from "../../core/context.ts";
import { removeTree } from "../../core/files.ts";
import { watchNetwork } from "../network.ts";
import { explainNpm } from "./explain.ts";
import { lockPackages } from "./lock.ts";
import { prefetchPackuments, requirementsOf, type Wanted } from "./prefetch.ts";
import { stageClosure, type ClosureFiles, type ProvidedPackage } from "./staging.ts";
import type { NpmSettings } from "./settings.ts";

/** A package of the closure at its place in the tree. */
export interface ResolvedPackage {
  /** `node_modules/a/node_modules/b` */
  location: string;
  name: string;
  /** Name in the registry, where an alias differs. */
  registryName: string;
  version: string;
  resolved: string | undefined;
  integrity: string | undefined;
  hasInstallScript: boolean;
  optional: boolean;
  os: readonly string[];
  cpu: readonly string[];
  libc: readonly string[];
}

export interface Resolution {
  /** What a registry has to give: nothing that the mirror provides itself, nothing for development only. */
  packages: ResolvedPackage[];
  /** The mirror's package.json and package-lock.json for this closure. */
  packageJson: string;
  packageLock: string;
  /** Optional dependencies that could not be had, as `name@range`. */
  holes: string[];
  /** Every dependency between packages: who wants which range of what. */
  requirements: { from: string; name: string; range: string }[];
}

export interface ClosureRequest extends ClosureFiles {
  add: readonly string[];
  /** Names that the mirror's package.json shall not ask for any more. */
  remove?: readonly string[];
  /** Names to move to the newest version that their ranges allow; `all` for every package. */
  update?: readonly string[] | "all";
  provided: readonly ProvidedPackage[];
}

/**
 * The closure of the wanted packages, resolved by npm's own resolver against what the mirror holds.
 * @throws FlowError FLOW_VENDOR_RESOLVE when npm finds none, FLOW_VENDOR_FETCH when the registry is out of reach,
 *   FLOW_TIMEOUT when it makes no progress, or the reason of the context's signal
 */
export async function resolveClosure(
  ctx: FlowContext,
  settings: NpmSettings,
  request: ClosureRequest,
): Promise<Resolution> {
  const staging = await mkdtemp(join(tmpdir(), "flow-resolve-"));
  try {
    await stageClosure(staging, request, request.provided);
    const arborist = new Arborist({
      ...settings,
      path: staging,
      // A lock without addresses works with every registry that the team moves to.
      omitLockfileRegistryResolved: true,
      ignoreScripts: true,
      audit: false,
      fund: false,
      legacyPeerDeps: false,
    } as never);
    // Within the staging's life: npm's work may never settle once its connections are closed.
    const tree = await watchNetwork(ctx, async (signal) => {
      await prefetch(settings, request);
      signal.throwIfAborted();
      return await build(arborist, settings, request);
    });
    const nodes = [...tree.inventory.values()].filter((node) => !node.isRoot);
    const broken = brokenNodes(nodes);
    const there = (node: Node | null) => node !== null && !broken.has(node);
    return {
      packages: nodes.filter((node) => isFromRegistry(node) && there(node)).map(describe),
      packageJson: withDependencies(request.packageJson, tree.package as Record<string, unknown>),
      packageLock: tree.meta.toString({ format: true }),
      holes: holesOf([...tree.inventory.values()], there),
      requirements: [...tree.inventory.values()].flatMap((node) =>
        [...node.edgesOut.values()].map((edge) => ({ from: node.location, name: edge.name, range: edge.rawSpec })),
      ),
    };
  } finally {
    await removeTree(staging);
  }
}

/** The parts of arborist's tree that are used here. */
interface Tree {
  package: object;
  inventory: Map<string, Node>;
  meta: { toString(options: object): string };
}

interface Edge {
  type: string;
  name: string;
  rawSpec: string;
  to: Node | null;
}

interface Node {
  location: string;
  name: string;
  packageName: string;
  version: string;
  resolved: string | null;
  integrity: string | null;
  optional: boolean;
  dev: boolean;
  isRoot: boolean;
  isLink: boolean;
  /** Lies in the archive of another package. */
  inBundle: boolean;
  hasInstallScript?: boolean;
  errors: readonly Error[];
  package: { os?: string | string[]; cpu?: string | string[]; libc?: string | string[] };
  edgesOut: Map<string, Edge>;
}

async function build(
  arborist: Arborist,
  settings: NpmSettings,
  { add, remove = [], update, packageLock, provided }: ClosureRequest,
): Promise<Tree> {
  const names = update === "all" ? namesIn(packageLock, provided) : update;
  try {
    const tree = await arborist.buildIdealTree({
      ...(add.length === 0 ? {} : { add: [...add] }),
      ...(remove.length === 0 ? {} : { rm: [...remove] }),
      ...(names === undefined ? {} : { update: { names: [...names] } }),
      saveType: "prod",
      savePrefix: "^",
      // Looks into archives that bundle packages, so that the lock is what npm itself writes.
      complete: true,
    } as never);
    return tree as unknown as Tree;
  } catch (error) {
    throw explainNpm(error, add.length === 0 ? "the closure" : add.join(", "), settings);
  }
}

/** Asks for what the lock does not settle: what is added, moved, or wanted and not there yet. */
async function prefetch(settings: NpmSettings, request: ClosureRequest): Promise<void> {
  const { add, update, packageJson = "{}", packageLock, provided } = request;
  const moving = new Set(update === "all" ? namesIn(packageLock, provided) : update);
  const project = requirementsOf(JSON.parse(packageJson) as object);
  const added = add.map((spec): Wanted => {
    const { name, rawSpec } = npa(spec);
    return [name ?? spec, rawSpec];
  });
  const held = new Map<string, string[]>();
  for (const [location, { version }] of Object.entries(lockPackages(packageLock))) {
    const name = location.split("node_modules/").at(-1) as string;
    if (version !== undefined && !moving.has(name)) held.set(name, [...(held.get(name) ?? []), version]);
  }
  const ranges = new Map(project);
  const moved = [...moving].map((name): Wanted => [name, ranges.get(name) ?? "latest"]);
  const needed = provided.flatMap(({ manifest }) => requirementsOf(manifest));
  await prefetchPackuments(settings, [...added, ...moved, ...project, ...needed], held);
}

/** Every package of a lock by name. npm's own "update all" forgets the lock, and with it what the mirror provides itself. */
function namesIn(packageLock: string | undefined, provided: readonly ProvidedPackage[]): string[] {
  const { packages = {} } = JSON.parse(packageLock ?? "{}") as { packages?: Record<string, { link?: boolean }> };
  const own = new Set(provided.map(({ name }) => name));
  const names = Object.keys(packages)
    .filter((location) => location.includes("node_modules/"))
    .map((location) => location.split("node_modules/").at(-1) as string);
  return [...new Set(names)].filter((name) => !own.has(name));
}

function isFromRegistry(node: Node): boolean {
  return !node.isLink && !node.inBundle && !node.dev && /(^|\/)node_modules\/[^/]+(\/[^/]+)?$/.test(node.location);
}

/** Nodes that could not be loaded, and those that cannot do without one: all of them optional, else npm had given up. */
function brokenNodes(nodes: readonly Node[]): Set<Node> {
  const broken = new Set(nodes.filter(({ errors, version }) => errors.length > 0 || !version));
  for (let before = -1; before !== broken.size;) {
    before = broken.size;
    for (const node of nodes) {
      const lacks = ({ type, to }: Edge) => type === "prod" && to !== null && broken.has(to);
      if (node.optional && [...node.edgesOut.values()].some(lacks)) broken.add(node);
    }
  }
  return broken;
}

function describe(node: Node): ResolvedPackage {
  const list = (value: string | string[] | undefined) =>
    value === undefined ? [] : Array.isArray(value) ? value : [value];
  return {
    location: node.location,
    name: node.name,
    registryName: node.packageName,
    version: node.version,
    resolved: node.resolved ?? undefined,
    integrity: node.integrity ?? undefined,
    hasInstallScript: node.hasInstallScript === true,
    optional: node.optional,
    os: list(node.package.os),
    cpu: list(node.package.cpu),
    libc: list(node.package.libc),
  };
}

function holesOf(nodes: readonly Node[], there: (node: Node | null) => boolean): string[] {
  const holes = nodes.flatMap((node) =>
    there(node) || node.isRoot
      ? [...node.edgesOut.values()].filter(({ type, to }) => type === "optional" && !there(to))
      : [],
  );
  return [...new Set(holes.map(({ name, rawSpec }) => `${name}@${rawSpec}`))].sort();
}

const dependencyFields = ["dependencies", "devDependencies", "optionalDependencies", "peerDependencies"];

/** The mirror's package.json with the dependencies that were resolved; all else, its indentation too, as it was. */
function withDependencies(before: string | undefined, resolved: Record<string, unknown>): string {
  const manifest = JSON.parse(before ?? '{ "name": "vendor", "private": true }') as Record<string, unknown>;
  for (const field of dependencyFields) {
    const value = (resolved[field] ?? {}) as Record<string, string>;
    if (Object.keys(value).length > 0) manifest[field] = Object.fromEntries(Object.entries(value).sort(byKey));
    else delete manifest[field];
  }
  return `${JSON.stringify(manifest, null, /\n([ \t]+)"/.exec(before ?? "")?.[1] ?? 2)}\n`;
}

function byKey([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return a < b ? -1 : 1;
}
