import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Arborist from "@npmcli/arborist";
import { FlowError, messageOf } from "../../core/errors.ts";
import { removeTree } from "../../core/files.ts";
import { formatJson } from "../../core/json.ts";
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
  packages: ResolvedPackage[];
  /** The mirror's package.json and package-lock.json for this closure. */
  packageJson: string;
  packageLock: string;
  /** Optional dependencies that could not be had, as `name@range`. */
  holes: string[];
  /** Who needs what: every dependency of the closure. */
  requirements: Requirement[];
}

export interface Requirement {
  from: string;
  name: string;
  range: string;
}

export interface ReleasePackage {
  name: string;
  version: string;
  integrity: string;
  manifest: Record<string, unknown>;
}

interface Request {
  /** Texts of package.json and package-lock.json as the mirror has them now; undefined in a new mirror. */
  packageJson: string | undefined;
  packageLock: string | undefined;
  add: readonly string[];
  /** Names to move to the newest version that their range allows; `true` for all. */
  update?: readonly string[] | true;
  remove?: readonly string[];
  /** Packages that come from a tarball and never from a registry. */
  releases: readonly ReleasePackage[];
}

const dependencyFields = [
  "dependencies",
  "optionalDependencies",
  "peerDependencies",
  "peerDependenciesMeta",
  "bin",
  "engines",
  "license",
  "os",
  "cpu",
] as const;

/**
 * The closure of the wanted packages, resolved by npm's own resolver against what the mirror holds.
 * @throws FlowError FLOW_VENDOR_RESOLVE when npm finds none, FLOW_VENDOR_FETCH when the registry is out of reach
 */
export async function resolveClosure(settings: NpmSettings, request: Request): Promise<Resolution> {
  const staging = await mkdtemp(join(tmpdir(), "flow-resolve-"));
  try {
    await writeFile(
      join(staging, "package.json"),
      withReleases(
        request.packageJson ?? formatJson({ name: "vendor", private: true, dependencies: {} }),
        request.releases,
      ),
    );
    const lock = lockWithReleases(request.packageLock, request.releases);
    if (lock !== undefined) await writeFile(join(staging, "package-lock.json"), lock);
    const arborist = new Arborist({
      ...settings,
      path: staging,
      omitLockfileRegistryResolved: true,
      ignoreScripts: true,
      audit: false,
      fund: false,
      legacyPeerDeps: false,
    } as never);
    const tree = await build(arborist, request);
    const packages = [...tree.inventory.values()].filter((node) => !node.isRoot && !node.isLink).map(describe);
    return {
      packages,
      packageJson: formatJson(sortDependencies(tree.package as Record<string, unknown>)),
      packageLock: tree.meta.toString({ format: true }),
      holes: findHoles(tree),
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

interface Node {
  location: string;
  name: string;
  packageName: string;
  version: string;
  resolved: string | null;
  integrity: string | null;
  optional: boolean;
  isRoot: boolean;
  isLink: boolean;
  hasInstallScript?: boolean;
  package: {
    os?: string | string[];
    cpu?: string | string[];
    libc?: string | string[];
    optionalDependencies?: Record<string, string>;
  };
  edgesOut: Map<string, { type: string; name: string; rawSpec: string; to: Node | null }>;
}

async function build(arborist: Arborist, { add, update, remove }: Request): Promise<Tree> {
  try {
    const tree = await arborist.buildIdealTree({
      ...(add.length === 0 ? {} : { add: [...add] }),
      ...(remove === undefined || remove.length === 0 ? {} : { rm: [...remove] }),
      ...(update === undefined ? {} : { update: update === true ? true : { names: [...update] } }),
      saveType: "prod",
      savePrefix: "^",
    } as never);
    return tree as unknown as Tree;
  } catch (error) {
    throw explain(error);
  }
}

function explain(error: unknown): FlowError {
  const code = (error as { code?: string }).code ?? "";
  const message = messageOf(error);
  if (code === "E404" || code === "ETARGET" || code === "ENOVERSIONS") {
    return new FlowError("FLOW_VENDOR_RESOLVE", `the registry has no such package or version: ${message}`, {
      cause: error,
      hint: "check the name and the range; for a private package, the registry and token in .npmrc",
    });
  }
  if (code === "ERESOLVE") {
    return new FlowError("FLOW_VENDOR_RESOLVE", `npm finds no set of versions that fits: ${message}`, {
      cause: error,
      hint: "choose a version whose peer dependencies agree with what the mirror holds",
    });
  }
  if (code === "E401" || code === "E403") {
    return new FlowError("FLOW_VENDOR_FETCH", `the registry refuses: ${message}`, {
      cause: error,
      hint: "check the token in .npmrc",
    });
  }
  if (
    /^(E(NOTFOUND|CONN|TIMEDOUT|AI_AGAIN|PIPE|PROTO)|FETCH|ERR_SOCKET|ERR_TLS|E5\d\d|EIDLETIMEOUT|ERR_)/.test(code) ||
    /timeout|network/i.test(message)
  ) {
    return new FlowError("FLOW_VENDOR_FETCH", `the registry is out of reach: ${message}`, {
      cause: error,
      hint: "check the network, the registry in .npmrc and the proxy settings, and run the command again",
    });
  }
  return new FlowError("FLOW_VENDOR_RESOLVE", `npm could not resolve this: ${message}`, { cause: error });
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

function findHoles(tree: Tree): string[] {
  const holes = new Set<string>();
  for (const node of tree.inventory.values()) {
    for (const edge of node.edgesOut.values())
      if (edge.type === "optional" && edge.to === null) holes.add(`${edge.name}@${edge.rawSpec}`);
  }
  return [...holes].sort();
}

function withReleases(packageJson: string, releases: readonly ReleasePackage[]): string {
  if (releases.length === 0) return packageJson;
  const value = JSON.parse(packageJson) as { dependencies?: Record<string, string> };
  return formatJson(
    sortDependencies({
      ...value,
      dependencies: {
        ...value.dependencies,
        ...Object.fromEntries(releases.map(({ name, version }) => [name, version])),
      },
    }),
  );
}

/** A lock in which a release stands already is one that npm's resolver never asks a registry about it. */
function lockWithReleases(packageLock: string | undefined, releases: readonly ReleasePackage[]): string | undefined {
  if (releases.length === 0) return packageLock;
  const lock = (
    packageLock === undefined
      ? { name: "vendor", lockfileVersion: 3, requires: true, packages: { "": { name: "vendor" } } }
      : JSON.parse(packageLock)
  ) as { packages: Record<string, Record<string, unknown>> };
  const root = (lock.packages[""] ??= {});
  root.dependencies = {
    ...(root.dependencies as object),
    ...Object.fromEntries(releases.map(({ name, version }) => [name, version])),
  };
  for (const { name, version, integrity, manifest } of releases) {
    const fields = Object.fromEntries(
      dependencyFields.filter((field) => manifest[field] !== undefined).map((field) => [field, manifest[field]]),
    );
    lock.packages[`node_modules/${name}`] = { version, integrity, ...fields };
  }
  return formatJson(lock);
}

function sortDependencies(manifest: Record<string, unknown>): Record<string, unknown> {
  const dependencies = Object.entries((manifest.dependencies ?? {}) as Record<string, string>).sort(([a], [b]) =>
    a < b ? -1 : 1,
  );
  return { ...manifest, dependencies: Object.fromEntries(dependencies) };
}
