import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { FlowContext } from "../../core/context.ts";
import { FlowError } from "../../core/errors.ts";
import { step } from "../../core/events.ts";
import { Git } from "../../core/git/index.ts";
import { isGit, isGo } from "../sources.ts";
import { readObjects, topFile } from "../trees.ts";
import type { AddOptions, Incoming, Mirror, UpstreamFile } from "../types.ts";
import { licenceOfTexts, licenceFiles } from "../git/licence.ts";
import { readModuleZip } from "./archive.ts";
import { formatModFile, parseModFile, type Requirement } from "./mod-file.ts";
import { GoStaging, type BuildList, type DownloadedModule, type ProvidedModule } from "./resolve.ts";

/** What a change of the Go modules asks for. */
export interface ModuleWish {
  /** Versions or queries by module path. */
  add: ReadonlyMap<string, string>;
  remove?: readonly string[];
}

export interface ModuleChange {
  incoming: Incoming[];
  /** Prefixes that nothing requires any more. */
  remove: string[];
  /** What modules that stay are wanted at, by prefix. */
  refs: Record<string, string>;
  /** go.mod and go.sum as they shall be. */
  files: Record<string, string>;
}

/**
 * Resolves the Go modules of the mirror, and fetches what it lacks of them. go.mod is to them what package.json is to
 * npm's packages: what was asked for, and what that requires as `// indirect`, each replaced by its prefix, so that
 * `go build` and `go install` work in the mirror offline.
 * Undefined when the mirror has no Go module and none is asked for.
 */
export async function changeModules(
  ctx: FlowContext,
  mirror: Mirror,
  { wish, git: arriving, options }: { wish: ModuleWish; git: readonly Incoming[]; options: AddOptions },
): Promise<ModuleChange | undefined> {
  const { add, remove = [] } = wish;
  const { prefixes } = mirror.manifest;
  if (add.size === 0 && !Object.values(prefixes).some(isGo)) return undefined;
  const git = new Git(ctx, mirror.dir);
  const [mod, sum] = [await topFile(git, "go.mod", mirror.head), await topFile(git, "go.sum", mirror.head)];
  const provided = await gitModules(git, mirror, arriving);
  const own = ownModules(options, provided);
  refuseOwn([...add.keys()], own);
  for (const path of add.keys()) refuseProvided(path, provided);
  const cache = goCache(options);
  return await GoStaging.use(ctx, { cache, own }, async (staging) => {
    const list = await step(ctx, { id: "vendor.resolve-go", title: "Resolving Go modules" }, async ({ result }) => {
      const found = await staging.resolve({ mod, sum, wanted: add, remove, provided });
      const foreign = found.requires.filter(({ path }) => !provided.some((item) => item.path === path));
      refuseOwn(
        foreign.map(({ path }) => path),
        own,
      );
      result(`${found.requires.length} modules`);
      return found;
    });
    const modules = list.requires.filter(({ path }) => !provided.some((item) => item.path === path));
    const missing = modules.filter(({ path, version }) => !isHeld(prefixes[path], version));
    const fetched =
      missing.length === 0
        ? []
        : await step(ctx, { id: "vendor.fetch-go", title: `Fetching ${missing.length} Go modules` }, () =>
            staging.download(missing, list.sum),
          );
    const refOf = ({ path, version, indirect }: Requirement) =>
      add.get(path) ?? (indirect ? version : (prefixes[path]?.ref ?? version));
    const requirements = new Map(modules.map((item) => [item.path, item]));
    const incoming: Incoming[] = [];
    for (const module of fetched) {
      const requirement = requirements.get(module.path) as Requirement;
      incoming.push(await readModule(module, refOf(requirement)));
    }
    return {
      incoming,
      remove: Object.entries(prefixes)
        .filter(([prefix, entry]) => isGo(entry) && !requirements.has(prefix))
        .map(([prefix]) => prefix)
        .sort(),
      refs: Object.fromEntries(
        modules.filter((item) => !missing.includes(item)).map((item) => [item.path, refOf(item)]),
      ),
      files: filesFor(mod, list, { provided, fetched }),
    };
  });
}

/** Go's caches lie beside npm's. */
export function goCache({ cache }: Pick<AddOptions, "cache">): string {
  return join(cache, "..", "go");
}

function filesFor(
  mod: string | undefined,
  { requires, sum, go }: BuildList,
  { provided, fetched }: { provided: readonly ProvidedModule[]; fetched: readonly DownloadedModule[] },
): Record<string, string> {
  const directories = new Map([
    ...requires.map(({ path }): [string, string] => [path, path]),
    ...provided.map(({ path, prefix }): [string, string] => [path, prefix]),
  ]);
  const versions = new Set(requires.map(({ path, version }) => `${path} ${version}`));
  const lines = [...sum.split("\n"), ...fetched.map((item) => `${item.path} ${item.version} ${item.sum}`)];
  const kept = lines.filter((line) => {
    const [path, version = ""] = line.split(" ");
    return versions.has(`${path} ${version.replace(/\/go\.mod$/, "")}`);
  });
  return {
    "go.mod": formatModFile(mod, { requires, directories, go }),
    "go.sum": `${[...new Set(kept)].sort().join("\n")}\n`,
  };
}

function isHeld(entry: Mirror["manifest"]["prefixes"][string] | undefined, version: string): boolean {
  return entry !== undefined && isGo(entry) && entry.version === version;
}

async function readModule({ path, version, sum, zip, mod }: DownloadedModule, ref: string): Promise<Incoming> {
  const files = readModuleZip(await readFile(zip), { path, version, sum });
  // A directory that replaces a module must have a go.mod; of one without, the proxy makes it.
  if (!files.some((file) => file.path === "go.mod"))
    files.push({ path: "go.mod", mode: "100644", data: await readFile(mod) });
  return {
    prefix: path,
    source: `go:${path}`,
    ref,
    version,
    integrity: sum,
    licence: licenceOfTexts(textsOf(files, licenceFiles)),
    subject: `${path} ${version}`,
    content: { files: files.sort((a, b) => (a.path < b.path ? -1 : 1)) },
  };
}

function textsOf(files: readonly UpstreamFile[], names: readonly string[]): string[] {
  return names.flatMap((name) => {
    const file = files.find(({ path }) => path === name);
    return file === undefined ? [] : [Buffer.from(file.data).toString("utf8")];
  });
}

/** Go modules that git sources provide: those of the mirror, at what they will be once `arriving` is in. */
export async function gitModules(
  git: Git,
  { manifest, head }: Mirror,
  arriving: readonly Incoming[],
): Promise<ProvidedModule[]> {
  const trees = new Map(
    Object.entries(manifest.prefixes)
      .filter(([, entry]) => isGit(entry))
      .map(([prefix]) => [prefix, `${head}:${prefix}/go.mod`]),
  );
  for (const { prefix, content } of arriving) if ("commit" in content) trees.set(prefix, `${content.commit}:go.mod`);
  const texts = await readObjects(git, [...trees.values()]);
  return [...trees.keys()].flatMap((prefix, index) => {
    const mod = texts[index]?.toString("utf8");
    const path = mod === undefined ? undefined : parseModFile(mod)?.module;
    return mod === undefined || path === undefined ? [] : [{ path, prefix, mod }];
  });
}

/** Module paths that nobody may be asked for: the team's own, but for those that the mirror holds itself. */
export function ownModules(
  { ownNames = [] }: Pick<AddOptions, "ownNames">,
  provided: readonly ProvidedModule[],
): string[] {
  return ownNames.filter(
    (name) => /^[a-z0-9.-]+\.[a-z]+(\/|$)/.test(name) && !provided.some(({ path }) => path === name),
  );
}

function refuseOwn(paths: readonly string[], own: readonly string[]): void {
  const path = paths.find((item) => own.some((name) => item === name || item.startsWith(`${name}/`)));
  if (path === undefined) return;
  throw new FlowError(
    "FLOW_VENDOR_OWN_NAME",
    `${path} is a module of your own and is never taken from a proxy, where anybody could claim it`,
    { hint: "add it from its git repository: flow vendor add git@host:org/repo.git" },
  );
}

function refuseProvided(path: string, provided: readonly ProvidedModule[]): void {
  const item = provided.find((module) => module.path === path);
  if (item === undefined) return;
  throw new FlowError("FLOW_VENDOR_BAD_PREFIX", `${path} comes from the git source ${item.prefix} already`, {
    hint: `move that one: flow vendor update ${item.prefix} --ref REF; or take it out of the mirror first`,
  });
}
