import { createHash } from "node:crypto";
import { mkdir, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { FlowContext } from "../../src/core/context.ts";
import { describeInstallation } from "../../src/core/installation.ts";
import { formatJson } from "../../src/core/json.ts";
import { Git } from "../../src/core/git/index.ts";
import { importing, type Importer } from "../../src/vendoring/importer.ts";
import { formatManifest, manifestFile } from "../../src/vendoring/manifest.ts";
import {
  addMergeMessage,
  packageMessage,
  squashMessage,
  squashUpdateMessage,
  updateMergeMessage,
  upstreamRef,
} from "../../src/vendoring/messages.ts";
import type { PrefixEntry, UpstreamFile } from "../../src/vendoring/types.ts";
import { changedShare, planPackages, type PlannedPackage } from "./packages.ts";
import { noise, Random } from "./random.ts";
import { sourceText } from "./text.ts";

export interface BigMirrorOptions {
  /** Objects of git to come near to. */
  objects: number;
  /** Size of its pack to come near to. */
  megabytes: number;
  seed?: number;
}

export interface BigMirror {
  dir: string;
  objects: number;
  packBytes: number;
  prefixes: number;
  /** Files of the newest state. */
  files: number;
  commits: number;
  /** Packages at the top that two services may ask for: with what they need, about a dozen. */
  wanted: string[];
}

/** Prefixes that one import brings. */
const perImport = 60;
/** One prefix in so many has a patch of ours. */
const patchedEvery = 50;

/**
 * Fills a bare repository with a mirror as flow makes it: squashes and merges of git subtree, upstream commits with their
 * references, a manifest, a package.json with its lock, some patches; packed with bitmaps, as a forge keeps it.
 */
export async function makeBigMirror(
  dir: string,
  { objects, megabytes, seed = 1 }: BigMirrorOptions,
): Promise<BigMirror> {
  const random = new Random(seed);
  await mkdir(dir, { recursive: true });
  const git = new Git(context(dir), dir);
  await git.run(["init", "--quiet", "--bare", "--initial-branch=main"]);
  for (const setting of ["uploadpack.allowFilter", "uploadpack.allowAnySHA1InWant"])
    await git.run(["config", setting, "true"]);
  const packages = planPackages(random, { objects, bytes: megabytes * 1e6 });
  const text = sourceText(random, Math.min(16e6, Math.max(2e6, megabytes * 64e3)));
  // A delta between two programs would be searched for in vain.
  await git.run(["config", "core.bigFileThreshold", "100k"]);
  await importing(git, (importer) => new Maker(importer, random, text).make(packages));
  await git.run(["config", "--unset", "core.bigFileThreshold"]);
  await git.run(["-c", "pack.window=0", "repack", "-a", "-d", "--quiet", "--write-bitmap-index"]);
  await git.run(["pack-refs", "--all"]);
  await git.run(["commit-graph", "write", "--reachable"]);
  return { dir, ...(await describe(git)), prefixes: packages.length, wanted: dozen(packages) };
}

function context(dir: string): FlowContext {
  return {
    cwd: dir,
    env: process.env,
    signal: new AbortController().signal,
    emit: () => {},
    now: () => new Date(),
    installation: describeInstallation(fileURLToPath(new URL("../..", import.meta.url)), process.execPath),
    interactive: false,
    confirm: async () => false,
  };
}

const by = { text: "Ada <ada@example.com> 1767225600 +0000" };
const branch = "refs/heads/main";

/** Writes one mirror. Only what is new in a version is made anew, as among real ones. */
class Maker {
  readonly #importer: Importer;
  readonly #random: Random;
  readonly #text: Buffer;
  readonly #prefixes: Record<string, PrefixEntry> = {};
  readonly #held = new Map<string, PlannedPackage & { version: string }>();
  /** How often each file of a package was changed. */
  readonly #changes = new Map<string, number[]>();
  #tip = "";

  constructor(importer: Importer, random: Random, text: Buffer) {
    this.#importer = importer;
    this.#random = random;
    this.#text = text;
  }

  async make(packages: readonly PlannedPackage[]): Promise<void> {
    const first = await this.#importer.upstreamCommit(
      branch,
      [file("README.md", "# The mirror\n")],
      "Start the mirror\n",
    );
    this.#tip = first.commit;
    const rounds = Math.max(...packages.map(({ versions }) => versions.length));
    let imported = 0;
    for (let round = 0; round < rounds; round++) {
      for (const item of packages) {
        const version = item.versions[round];
        if (version === undefined) continue;
        await this.#import(item, version, ++imported % perImport === 0);
      }
    }
    for (const [index, { name }] of packages.entries()) {
      if (index % patchedEvery === 7) await this.#patch(`node_modules/${name}`);
    }
    await this.#commit("Record what the mirror holds\n", true);
  }

  async #import(item: PlannedPackage, version: string, isLast: boolean): Promise<void> {
    const prefix = `node_modules/${item.name}`;
    const source = `npm:${item.name}`;
    const integrity = `sha512-${createHash("sha512").update(`${source}@${version}`).digest("base64")}`;
    const ref = upstreamRef(prefix, version);
    const message = packageMessage({ subject: `${item.name} ${version}`, source, integrity });
    const upstream = await this.#importer.upstreamCommit(ref, this.#files(item, version), message);
    const previous = this.#prefixes[prefix];
    const short = (commit: string) => commit.slice(0, 8);
    const to = { commit: upstream.commit, short: short(upstream.commit) };
    const squash = await this.#importer.treeCommit("refs/flow/import/squash", {
      tree: upstream.tree,
      by,
      ...(previous === undefined
        ? { message: squashMessage(prefix, to) }
        : {
            parent: previous.squash,
            message: squashUpdateMessage(prefix, {
              from: { short: short(previous.commit) },
              to,
              log: [],
              reverted: [],
            }),
          }),
    });
    this.#prefixes[prefix] = {
      source,
      ref: `^${version}`,
      version,
      commit: upstream.commit,
      tree: upstream.tree,
      integrity,
      squash,
      licence: "MIT",
      patched: false,
    };
    this.#held.set(prefix, { ...item, version });
    this.#tip = await this.#importer.pathCommit(branch, {
      parents: [this.#tip, squash],
      message: previous === undefined ? addMergeMessage(prefix, squash) : updateMergeMessage(squash, "main"),
      by,
      puts: [{ path: prefix, tree: upstream.tree }],
      blobs: isLast ? this.#records() : [],
    });
  }

  #files(item: PlannedPackage, version: string): UpstreamFile[] {
    const random = this.#random;
    const changes = this.#changes.get(item.name) ?? item.files.map(() => 0);
    this.#changes.set(item.name, changes);
    const isFirst = version === item.versions[0];
    const { name, dependencies } = item;
    const described = { name, version, license: "MIT", main: item.files[0]?.path, dependencies: ranges(dependencies) };
    return [
      file("package.json", formatJson(described)),
      file("LICENSE", "Permission is hereby granted, free of charge, to any person\n"),
      ...item.files.map(({ path, bytes, binary }, index): UpstreamFile => {
        if (!isFirst && random.next() < changedShare) changes[index] = (changes[index] ?? 0) + 1;
        const identity = `${name}/${path}#${changes[index]}`;
        const data = binary ? noise(identity, bytes) : this.#piece(identity, bytes);
        return { path, mode: binary ? "100755" : "100644", data };
      }),
    ];
  }

  /** A piece of the text that is the same for the same file; a later version of it shares its beginning. */
  #piece(identity: string, bytes: number): Buffer {
    const [name = "", change = "0"] = identity.split("#");
    const start = createHash("sha1").update(name).digest().readUInt32LE() % Math.max(1, this.#text.length - bytes);
    const end = createHash("sha1").update(identity).digest().readUInt32LE() % Math.max(1, this.#text.length - bytes);
    const half = Math.floor(bytes / 2);
    return Buffer.concat([
      Buffer.from(`// ${name} ${change}\n`),
      this.#text.subarray(start, start + half),
      this.#text.subarray(end, end + bytes - half),
    ]);
  }

  async #patch(prefix: string): Promise<void> {
    const entry = this.#prefixes[prefix];
    if (entry === undefined) return;
    entry.patched = true;
    this.#tip = await this.#importer.pathCommit(branch, {
      parents: [this.#tip],
      message: `Patch ${prefix}\n`,
      by,
      blobs: [{ path: `${prefix}/ours.js`, text: `// ours: ${prefix}\n`, mode: "100644" }],
    });
  }

  async #commit(message: string, withRecords: boolean): Promise<void> {
    const blobs = withRecords ? this.#records() : [];
    this.#tip = await this.#importer.pathCommit(branch, { parents: [this.#tip], message, by, blobs });
  }

  #records() {
    const held = [...this.#held].sort(([a], [b]) => (a < b ? -1 : 1));
    const root = { name: "vendor", private: true, dependencies: ranges(held.map(([, { name }]) => name)) };
    const places = held.map(([prefix, { version, dependencies }]) => [
      prefix,
      { version, integrity: this.#prefixes[prefix]?.integrity, dependencies: ranges(dependencies) },
    ]);
    const lock = {
      name: "vendor",
      lockfileVersion: 3,
      requires: true,
      packages: { "": root, ...Object.fromEntries(places) },
    };
    const text = (path: string, content: string) => ({ path, text: content, mode: "100644" as const });
    return [
      text(manifestFile, formatManifest({ version: 1, prefixes: this.#prefixes })),
      text("package.json", formatJson(root)),
      text("package-lock.json", formatJson(lock)),
    ];
  }
}

function file(path: string, content: string): UpstreamFile {
  return { path, mode: "100644", data: Buffer.from(content) };
}

function ranges(names: readonly string[]): Record<string, string> {
  return Object.fromEntries(names.map((name) => [name, "*"]));
}

/** Two packages whose closures hold about a dozen between them; in a small mirror as many as there are. */
function dozen(packages: readonly PlannedPackage[]): string[] {
  const byName = new Map(packages.map((item) => [item.name, item]));
  const closure = (names: readonly string[]) => {
    const all = new Set(names);
    for (const name of all) for (const other of byName.get(name)?.dependencies ?? []) all.add(other);
    return all;
  };
  const candidates = packages.filter(({ files }) => files.every(({ binary }) => !binary)).map(({ name }) => name);
  const distance = (names: readonly string[]) => Math.abs(closure(names).size - 12);
  let best = candidates.slice(-2);
  for (let index = 0; index + 1 < candidates.length && distance(best) > 0; index++) {
    const pair = [candidates[index] as string, candidates[candidates.length - 1 - index] as string];
    if (distance(pair) < distance(best)) best = pair;
  }
  return [...new Set(best)];
}

async function describe(git: Git): Promise<Pick<BigMirror, "objects" | "packBytes" | "files" | "commits">> {
  const counted = await git.text(["count-objects", "-v"]);
  const packs = join(git.dir, "objects", "pack");
  let packBytes = 0;
  for (const name of await readdir(packs))
    if (name.endsWith(".pack")) packBytes += (await stat(join(packs, name))).size;
  return {
    objects: Number(/^in-pack: (\d+)$/m.exec(counted)?.[1]),
    packBytes,
    files: (await git.text(["ls-tree", "-r", "--name-only", "main"])).split("\n").length,
    commits: Number(await git.text(["rev-list", "--count", "--all"])),
  };
}
