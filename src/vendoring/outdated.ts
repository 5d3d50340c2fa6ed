import type { FlowContext } from "../core/context.ts";
import { step } from "../core/events.ts";
import { Git } from "../core/git/index.ts";
import { newestOfGit } from "./git/newer.ts";
import { parseModFile } from "./go/mod-file.ts";
import { goCache, ownModules } from "./go/modules.ts";
import { newestModules } from "./go/newer.ts";
import { gitPackages, heldReleases } from "./npm/provided.ts";
import { newestPackages, type Newest } from "./npm/newer.ts";
import { npmSettings } from "./npm/settings.ts";
import { isGit, isGo, isNpm } from "./sources.ts";
import { topFile } from "./trees.ts";
import type { AddOptions, Mirror, PrefixEntry } from "./types.ts";

export interface OutdatedPrefix {
  prefix: string;
  source: string;
  current: string;
  /** Where `flow vendor update` goes. */
  wanted: string;
  /** The newest that there is. */
  latest: string;
}

/**
 * What upstream has that the mirror does not: of everything that was asked for, with `all` of what that needs too.
 * Nothing of the mirror changes.
 * @throws FlowError FLOW_VENDOR_FETCH
 */
export async function findOutdated(
  ctx: FlowContext,
  mirror: Mirror,
  options: Pick<AddOptions, "cache" | "ownNames"> & { all?: boolean },
): Promise<OutdatedPrefix[]> {
  const git = new Git(ctx, mirror.dir);
  const entries = Object.entries(mirror.manifest.prefixes).sort(([a], [b]) => (a < b ? -1 : 1));
  const direct = await directPackages(git, mirror);
  const packages = new Map(
    entries
      .filter(([prefix, entry]) => isNpm(entry) && (options.all === true || direct[prefix] !== undefined))
      .map(([prefix, entry]) => [prefix, { ...entry, ref: direct[prefix] ?? entry.ref }]),
  );
  const requires = parseModFile((await topFile(git, "go.mod", mirror.head)) ?? "")?.requires ?? [];
  const modules = new Map(
    entries.filter(
      ([prefix, entry]) =>
        isGo(entry) && (options.all === true || requires.some(({ path, indirect }) => path === prefix && !indirect)),
    ),
  );
  const provided = [...(await gitPackages(git, mirror, [])), ...(await heldReleases(git, mirror))];
  const settings = await npmSettings(ctx, {
    cache: options.cache,
    projects: [mirror.dir, ctx.cwd],
    own: { ours: options.ownNames ?? [], provided: new Map(provided.map(({ name, prefix }) => [name, prefix])) },
  });
  return await step(ctx, { id: "vendor.outdated", title: "Asking upstream" }, async ({ progress }) => {
    const newest = new Map([
      ...(await newestPackages(ctx, settings, packages)),
      ...(await newestModules(ctx, modules, { cache: goCache(options), own: ownModules(options, []) })),
    ]);
    const found: OutdatedPrefix[] = [];
    for (const [index, [prefix, entry]] of entries.entries()) {
      progress(prefix, index, entries.length);
      const there: Newest | undefined = isGit(entry) ? await newestOfGit(ctx, git, entry) : newest.get(prefix);
      const current = entry.version ?? entry.ref;
      if (there === undefined || (there.wanted === current && there.latest === current)) continue;
      found.push({ prefix, source: entry.source, current, ...there });
    }
    return found;
  });
}

/** Ranges that the mirror's package.json asks for, by prefix. */
async function directPackages(git: Git, { head }: Mirror): Promise<Record<string, PrefixEntry["ref"]>> {
  const text = await topFile(git, "package.json", head);
  const { dependencies = {}, optionalDependencies = {} } = JSON.parse(text ?? "{}") as Record<
    string,
    Record<string, string>
  >;
  const wanted = Object.entries({ ...dependencies, ...optionalDependencies });
  return Object.fromEntries(wanted.map(([name, range]) => [`node_modules/${name}`, range]));
}
