import type { Random } from "./random.ts";

export interface PlannedFile {
  path: string;
  bytes: number;
  /** Incompressible, as a program is. */
  binary: boolean;
}

export interface PlannedPackage {
  name: string;
  /** Oldest first. */
  versions: string[];
  /** Names of packages that it needs. */
  dependencies: string[];
  files: PlannedFile[];
}

const folders = [
  "lib",
  "dist",
  "dist/esm",
  "dist/cjs",
  "src",
  "types",
  "dist/esm/internal",
  "lib/util",
  "lib/util/data",
];
const endings = [".js", ".js", ".d.ts", ".js.map", ".mjs", ".json", ".md"];
/** What a version costs beside its files: three commits, its package.json, and the trees from the top to its own. */
const objectsPerVersion = 3 + 1 + 3;

/** Share of a package's files that a new version changes. */
export const changedShare = 0.6;

/**
 * Packages for about so many objects: numbers and sizes of files, depths, versions and dependencies are spread as they
 * are among packages of npm. Platform binaries make up what is missing of `bytes`.
 */
export function planPackages(random: Random, { objects, bytes }: { objects: number; bytes: number }): PlannedPackage[] {
  const packages: PlannedPackage[] = [];
  let [planned, packed] = [0, 0];
  while (planned < objects * overlap) {
    const item = planPackage(random, packages);
    packages.push(item);
    const directories = new Set(item.files.map(({ path }) => path.slice(0, path.lastIndexOf("/")))).size;
    const copies = 1 + (item.versions.length - 1) * changedShare;
    planned += item.files.length * copies + item.versions.length * (directories + objectsPerVersion);
    packed += (item.files.reduce((sum, file) => sum + file.bytes, 0) * copies) / compression;
  }
  for (let index = 0; packed < bytes; index++) {
    const size = Math.min(random.logNormal(8e6, 0.6), Math.max(bytes - packed, 1_000));
    packages.push(planBinary(random, index, Math.ceil(size)));
    packed += size;
  }
  return packages;
}

/** Equal files and directories are one object. */
const overlap = 1.18;
/** How many times smaller than itself the text is in a pack. */
const compression = 2.3;

function planPackage(random: Random, earlier: readonly PlannedPackage[]): PlannedPackage {
  const index = earlier.length;
  const scope = random.next() < 0.3 ? `@scope-${random.below(40)}/` : "";
  const count = Math.min(1_500, Math.ceil(random.logNormal(14, 1.45)));
  const depth = 1 + random.below(folders.length);
  const files = Array.from({ length: count }, (_, number): PlannedFile => {
    const folder = number % 5 === 0 ? "" : `${folders[random.below(depth)]}/`;
    const bytes = Math.min(400_000, Math.ceil(random.logNormal(1_500, 1.5)));
    return { path: `${folder}file-${number}${random.pick(endings)}`, bytes, binary: false };
  });
  const wanted = Math.min(index, Math.floor(random.logNormal(1.2, 0.9)));
  // Who is there longest is needed most.
  const needed = Array.from({ length: wanted }, () => earlier[Math.floor(index * random.next() ** 3)]?.name ?? "");
  return {
    name: `${scope}package-${index}`,
    versions: versions(random, 1 + Math.floor(random.logNormal(1.6, 0.8))),
    dependencies: [...new Set(needed)].sort(),
    files,
  };
}

function planBinary(random: Random, index: number, bytes: number): PlannedPackage {
  const platform = random.pick(["linux-x64", "linux-arm64", "darwin-arm64", "win32-x64"]);
  return {
    name: `@native/tool-${index}-${platform}`,
    versions: versions(random, 1),
    dependencies: [],
    files: [{ path: "bin/tool", bytes, binary: true }],
  };
}

function versions(random: Random, count: number): string[] {
  const major = random.below(6);
  return Array.from({ length: count }, (_, index) => `${major}.${index}.0`);
}
