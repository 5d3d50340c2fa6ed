import { readFile } from "node:fs/promises";
import { createHash } from "node:crypto";
import semver from "semver";
import type { FlowContext } from "../core/context.ts";
import { FlowError } from "../core/errors.ts";
import { info, step, warn } from "../core/events.ts";
import { Git } from "../core/git/index.ts";
import { readArchive } from "./archive.ts";
import { fetchGitSource } from "./git/fetch.ts";
import { buildImport } from "./import.ts";
import { initMirror, hasHead, openMirror, withMirrorLock } from "./mirror.ts";
import { fetchPackages, packageIncoming, packageManifest } from "./npm/fetch.ts";
import { fitsPlatforms, hostPlatform } from "./npm/platforms.ts";
import { resolveClosure, type ReleasePackage, type Resolution, type ResolvedPackage } from "./npm/resolve.ts";
import { npmSettings } from "./npm/settings.ts";
import { checkCollision } from "./prefix.ts";
import { publish } from "./publish.ts";
import { parseSpec, type SourceSpec } from "./specs.ts";
import type { AddOptions, AddResult, Incoming, Mirror } from "./types.ts";

/** What a change of the npm closure asks for. */
export interface NpmRequest {
  add: readonly string[];
  update?: readonly string[] | true;
  remove?: readonly string[];
  releases: readonly { release: ReleasePackage; incoming: Incoming }[];
}

/**
 * Adds sources to the mirror at `dir`, or moves the ones it has: resolves, fetches and verifies, then commits all of
 * them at once. A failure at any step leaves the mirror as it was.
 */
export async function addSources(
  ctx: FlowContext,
  dir: string,
  specs: readonly string[],
  options: AddOptions,
): Promise<AddResult> {
  const sources = specs.map((spec) =>
    parseSpec(spec, {
      cwd: ctx.cwd,
      ...(options.prefix === undefined ? {} : { prefix: options.prefix }),
      ...(options.ref === undefined ? {} : { ref: options.ref }),
    }),
  );
  if (sources.length > 1 && (options.prefix !== undefined || options.ref !== undefined)) {
    throw new FlowError("FLOW_USAGE", "--prefix and --ref say where one source goes, and there are several", {
      hint: "add them one after the other",
    });
  }
  for (const source of sources) if (source.kind === "npm") refuseOwnName(source.name, options.ownNames ?? []);
  return await changeMirror(
    ctx,
    dir,
    { purpose: `adding ${specs.length === 1 ? specs[0] : `${specs.length} sources`} to the mirror`, options },
    async (mirror) => {
      const git = new Git(ctx, mirror.dir);
      const fetched = await fetchGitSources(ctx, git, sources);
      const releases = await Promise.all(
        sources.filter((source) => source.kind === "release").map(({ path }) => readRelease(path)),
      );
      const add = sources
        .filter((source) => source.kind === "npm")
        .map(({ name, range }) => (range === "*" ? name : `${name}@${range}`));
      return {
        git: fetched,
        npm: add.length > 0 || releases.length > 0 || fetched.length > 0 ? { add, releases } : undefined,
      };
    },
  );
}

interface Request {
  git: readonly Incoming[];
  npm: NpmRequest | undefined;
}

/** The one way a mirror changes: under its lock, as one publication. */
export async function changeMirror(
  ctx: FlowContext,
  dir: string,
  { purpose, options }: { purpose: string; options: AddOptions },
  ask: (mirror: Mirror) => Promise<Request>,
): Promise<AddResult> {
  const opened = await openMirror(ctx, dir);
  return await withMirrorLock(ctx, opened.dir, purpose, async () => {
    const git = new Git(ctx, opened.dir);
    const mirror = (await hasHead(git))
      ? await openMirror(ctx, opened.dir)
      : await initMirror(ctx, { dir: opened.dir });
    const head = await git.text(["rev-parse", "HEAD"]);
    const request = await ask(mirror);
    const npm =
      request.npm === undefined
        ? undefined
        : await changeClosure(ctx, mirror, { request: request.npm, git: request.git, options });
    const incoming = [...request.git, ...(npm?.incoming ?? [])]
      .filter((item) => !isThere(mirror, item))
      .sort((a, b) => (a.prefix < b.prefix ? -1 : 1));
    const remove = npm?.remove ?? [];
    const result = { installScripts: npm?.installScripts ?? [], holes: npm?.holes ?? [] };
    const existing = Object.keys(mirror.manifest.prefixes);
    for (const { prefix, source } of incoming) {
      checkCollision(prefix, existing);
      const other = mirror.manifest.prefixes[prefix];
      if (other !== undefined && other.source !== source && other.source !== "unknown") {
        throw new FlowError("FLOW_VENDOR_BAD_PREFIX", `prefix ${prefix} belongs to ${other.source} already`, {
          hint: "choose another with --prefix",
        });
      }
    }
    const planned = incoming.map(({ prefix, source, version, ref }) => {
      const old = mirror.manifest.prefixes[prefix];
      return {
        prefix,
        source,
        ...(old === undefined ? {} : { from: old.version ?? old.ref }),
        to: version ?? ref,
        patched: false,
      };
    });
    const split = <C extends { from?: string }>(changes: C[]) => ({
      added: changes.filter(({ from }) => from === undefined),
      updated: changes.filter(({ from }) => from !== undefined),
    });
    if (options.dryRun === true) return { ...split(planned), removed: remove, ...result, head };
    const filesChanged = npm !== undefined && (await differs(git, npm.files));
    if (incoming.length === 0 && remove.length === 0 && !filesChanged)
      return { added: [], updated: [], removed: [], ...result, head };
    return await step(ctx, { id: "vendor.import", title: `Importing ${incoming.length} prefixes` }, async () => {
      const built = await buildImport(ctx, mirror, { incoming, remove, files: npm?.files ?? {} });
      ctx.signal.throwIfAborted();
      await publish(git, { from: head, to: built.head });
      for (const hole of result.holes)
        warn(ctx, `the registry does not have ${hole}: machines that need it will miss it`);
      if (result.installScripts.length > 0)
        info(ctx, `these have an install script, which was not run: ${result.installScripts.join(", ")}`);
      return { ...split(built.changes), removed: remove, ...result, head: built.head };
    });
  });
}

async function differs(git: Git, files: Readonly<Record<string, string>>): Promise<boolean> {
  for (const [path, text] of Object.entries(files)) if ((await topFile(git, path)) !== text) return true;
  return false;
}

async function topFile(git: Git, path: string): Promise<string | undefined> {
  const result = await git.run(["show", `HEAD:${path}`], { okCodes: [0, 128] });
  return result.exitCode === 0 ? result.stdout : undefined;
}

function isThere({ manifest }: Mirror, { prefix, source, integrity, version, ref, content }: Incoming): boolean {
  const entry = manifest.prefixes[prefix];
  if (entry === undefined || entry.source !== source) return false;
  return "commit" in content
    ? entry.commit === content.commit && entry.ref === ref
    : entry.version === version && entry.integrity === integrity;
}

async function fetchGitSources(ctx: FlowContext, git: Git, sources: readonly SourceSpec[]): Promise<Incoming[]> {
  const wanted = sources.filter((source) => source.kind === "git");
  if (wanted.length === 0) return [];
  return await step(ctx, { id: "vendor.fetch-git", title: "Fetching git sources" }, async ({ progress }) => {
    const fetched: Incoming[] = [];
    for (const source of wanted) {
      progress(source.url, fetched.length, wanted.length);
      fetched.push(await fetchGitSource(git, source));
    }
    return fetched;
  });
}

/** A packed release: a tarball on this machine, such as flow's own. */
async function readRelease(path: string): Promise<NpmRequest["releases"][number]> {
  const tarball = await readFile(path).catch((error: unknown) => {
    throw new FlowError("FLOW_VENDOR_FETCH", `${path} cannot be read`, { cause: error });
  });
  const files = await readArchive(tarball, path);
  const manifest = packageManifest(files, path);
  const name = String(manifest.name);
  const version = String(manifest.version);
  const integrity = `sha512-${createHash("sha512").update(tarball).digest("base64")}`;
  const incoming = packageIncoming({
    prefix: `node_modules/${name}`,
    source: `release:${name}`,
    ref: version,
    version,
    integrity,
    files,
  });
  return { release: { name, version, integrity, manifest }, incoming };
}

interface ClosureChange {
  incoming: Incoming[];
  remove: string[];
  files: Record<string, string>;
  installScripts: string[];
  holes: string[];
}

async function changeClosure(
  ctx: FlowContext,
  mirror: Mirror,
  { request, git: gitIncoming, options }: { request: NpmRequest; git: readonly Incoming[]; options: AddOptions },
): Promise<ClosureChange> {
  const git = new Git(ctx, mirror.dir);
  const settings = await npmSettings(ctx, { cache: options.cache, project: ctx.cwd });
  const [packageJson, packageLock] = [await topFile(git, "package.json"), await topFile(git, "package-lock.json")];
  if (packageJson === undefined && request.add.length === 0 && request.releases.length === 0)
    return { incoming: [], remove: [], files: {}, installScripts: [], holes: [] };
  const { prefixes } = mirror.manifest;
  const resolution = await step(ctx, { id: "vendor.resolve", title: "Resolving packages" }, async ({ result }) => {
    const { releases, ...rest } = request;
    const found = await resolveClosure(settings, {
      packageJson,
      packageLock,
      ...rest,
      releases: releases.map(({ release }) => release),
    });
    result(`${found.packages.length} packages`);
    return found;
  });
  const fromRelease = new Set([
    ...request.releases.map(({ release }) => release.name),
    ...Object.values(prefixes)
      .filter(({ source }) => source.startsWith("release:"))
      .map(({ source }) => source.slice("release:".length)),
  ]);
  for (const { registryName } of resolution.packages)
    if (!fromRelease.has(registryName)) refuseOwnName(registryName, options.ownNames ?? []);
  const claimed = await claimedNames(git, mirror, gitIncoming);
  checkClaims(resolution, claimed);
  const platforms = options.platforms ?? [hostPlatform()];
  const held = resolution.packages.filter(
    (item) => !claimed.has(item.name) && (!item.optional || fitsPlatforms(item, platforms)),
  );
  const missing = held.filter((item) => !fromRelease.has(item.registryName) && !isHeld(prefixes[item.location], item));
  const incoming = request.releases.map((item) => item.incoming);
  if (missing.length > 0) {
    const ranges = new Map(
      Object.entries(
        (JSON.parse(resolution.packageJson) as { dependencies?: Record<string, string> }).dependencies ?? {},
      ).map(([name, range]) => [`node_modules/${name}`, range]),
    );
    incoming.push(
      ...(await step(ctx, { id: "vendor.fetch", title: `Fetching ${missing.length} packages` }, ({ progress }) =>
        fetchPackages(ctx, settings, { packages: missing, ranges, progress }),
      )),
    );
  }
  const locations = new Set(held.map(({ location }) => location));
  const remove = Object.entries(prefixes)
    .filter(([prefix, { source }]) => /^(npm|release):/.test(source) && !locations.has(prefix))
    .map(([prefix]) => prefix)
    .sort();
  return {
    incoming,
    remove,
    files: { "package.json": resolution.packageJson, "package-lock.json": resolution.packageLock },
    installScripts: missing
      .filter(({ hasInstallScript }) => hasInstallScript)
      .map(({ name, version }) => `${name}@${version}`),
    holes: resolution.holes,
  };
}

function isHeld(entry: Mirror["manifest"]["prefixes"][string] | undefined, item: ResolvedPackage): boolean {
  return (
    entry !== undefined &&
    entry.source === `npm:${item.registryName}` &&
    entry.version === item.version &&
    (item.integrity === undefined || entry.integrity === item.integrity)
  );
}

/** Packages that git sources provide, by name, with their version. */
async function claimedNames(
  git: Git,
  { manifest }: Mirror,
  incoming: readonly Incoming[],
): Promise<Map<string, string>> {
  const commits = new Map(
    Object.entries(manifest.prefixes)
      .filter(([, { source }]) => !/^(npm|release):/.test(source))
      .map(([prefix]) => [prefix, `HEAD:${prefix}/package.json`]),
  );
  for (const { prefix, content } of incoming)
    if ("commit" in content) commits.set(prefix, `${content.commit}:package.json`);
  const names = new Map<string, string>();
  for (const object of commits.values()) {
    const text = await git.run(["show", object], { okCodes: [0, 128] });
    if (text.exitCode !== 0) continue;
    try {
      const { name, version } = JSON.parse(text.stdout) as { name?: string; version?: string };
      if (name !== undefined) names.set(name, version ?? "0.0.0");
    } catch {
      // A package.json that is no JSON names no package.
    }
  }
  return names;
}

function checkClaims({ requirements }: Resolution, claimed: ReadonlyMap<string, string>): void {
  for (const { from, name, range } of requirements) {
    const version = claimed.get(name);
    if (
      version === undefined ||
      semver.satisfies(version, range, { includePrerelease: true }) ||
      semver.validRange(range) === null
    )
      continue;
    throw new FlowError(
      "FLOW_VENDOR_RESOLVE",
      `${from || "the mirror"} needs ${name}@${range}, but the mirror takes ${name} from git at version ${version}`,
      {
        hint: `move the git source to a version that fits, or take it out of the mirror`,
      },
    );
  }
}

/** @throws FlowError FLOW_VENDOR_OWN_NAME for a name that only the team itself may publish */
export function refuseOwnName(name: string, own: readonly string[]): void {
  if (!own.some((ours) => name === ours || (ours.startsWith("@") && name.startsWith(`${ours}/`)))) return;
  throw new FlowError(
    "FLOW_VENDOR_OWN_NAME",
    `${name} is a name of your own and is never taken from a registry, where anybody could claim it`,
    {
      hint: "add it from its git repository: flow vendor add git@host:org/repo.git",
    },
  );
}
