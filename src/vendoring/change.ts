import type { FlowContext } from "../core/context.ts";
import { FlowError } from "../core/errors.ts";
import { info, step, warn } from "../core/events.ts";
import { Git, hasCommits } from "../core/git/index.ts";
import { widen } from "./clone/bring.ts";
import { readCone } from "./clone/cone.ts";
import { neededDirectories } from "./clone/needs.ts";
import { enterConflict } from "./conflict/enter.ts";
import { refusePending } from "./conflict/state.ts";
import { linksOut, refuseBadPaths } from "./git/judge.ts";
import { listSources } from "./git/listing.ts";
import { missingEntries, packageAt, packagesAt } from "./git/package.ts";
import { modulesAfter, modulesFile, submoduleAt } from "./git/submodules.ts";
import { commitImport, prepareImport, type ImportPlan } from "./import.ts";
import type { MergedTree } from "./merge.ts";
import { openMirror, startPlain, withMirrorLock } from "./mirror.ts";
import { changeModules, type ModuleWish } from "./go/modules.ts";
import { changeClosure, type ClosureWish } from "./npm/closure.ts";
import { lockPackages } from "./npm/lock.ts";
import { checkCollision, pathFault } from "./prefix.ts";
import { publish } from "./publish.ts";
import { refuseLargeFiles } from "./sizes.ts";
import { unknownSource } from "./sources.ts";
import { topFile } from "./trees.ts";
import type { AddOptions, AddResult, Change, Incoming, Mirror } from "./types.ts";

/** What a change of the mirror asks for. */
export interface Wish {
  git: readonly Incoming[];
  /** Undefined leaves the npm closure as it is. */
  npm: ClosureWish | undefined;
  /** Undefined resolves the Go modules anew only when a git source comes. */
  go?: ModuleWish;
  /** Tarballs that are held as they are. */
  archives?: readonly Incoming[];
  /** Prefixes that leave the mirror. */
  remove?: readonly string[];
}

/** The one way a mirror changes: under its lock, all or nothing, as one publication. */
export async function changeMirror(
  ctx: FlowContext,
  dir: string,
  { purpose, options }: { purpose: string; options: AddOptions },
  wishFor: (mirror: Mirror, git: Git) => Promise<Wish>,
): Promise<AddResult> {
  const { dir: top } = await openMirror(ctx, dir);
  return await withMirrorLock(ctx, top, purpose, async () => {
    const git = new Git(ctx, top);
    if (!(await hasCommits(git))) await startPlain(git);
    await refusePending(git);
    const mirror = await openMirror(ctx, top);
    const head = mirror.head as string;
    const { plan, notes } = await planChange(ctx, mirror, { wish: await wishFor(mirror, git), options });
    const result = { removed: [...plan.remove], ...notes };
    if (options.dryRun === true) return { ...split(planned(mirror, plan.incoming)), ...result, head };
    if (plan.incoming.length === 0 && plan.remove.length === 0 && !(await differs(git, mirror, plan))) {
      await bringAsked(ctx, git, plan.asked);
      return { added: [], updated: [], ...result, head };
    }
    const count = plan.incoming.length;
    const title = `Importing ${count} ${count === 1 ? "prefix" : "prefixes"}`;
    const built = await step(ctx, { id: "vendor.import", title }, async () => {
      const made = await prepareImport(ctx, mirror, plan);
      await widen(ctx, git, { mirror, directories: inSight(mirror, plan, made.trees) });
      if ([...made.trees.values()].some(({ conflicts }) => conflicts.length > 0)) return await enterConflict(git, made);
      const { head: commit, changes } = await commitImport(git, made);
      ctx.signal.throwIfAborted();
      return { head: commit, changes };
    });
    await step(ctx, { id: "vendor.checkout", title: "Checking out what changed" }, () =>
      publish(git, { from: head, to: built.head }),
    );
    await bringAsked(ctx, git, plan.asked);
    report(ctx, notes);
    return { ...split(built.changes), ...result, head: built.head };
  });
}

/** What a sparse clone must have in its work tree: what is new, and where patches and upstream contradict. */
function inSight({ manifest }: Mirror, { incoming }: ImportPlan, trees: ReadonlyMap<string, MergedTree>): string[] {
  const contradicting = [...trees].flatMap(([prefix, { conflicts }]) => (conflicts.length > 0 ? [prefix] : []));
  return [...incoming.map(({ prefix }) => prefix).filter((prefix) => !manifest.prefixes[prefix]), ...contradicting];
}

/** Who adds a package wants to use it: what it needs comes into the work tree of a sparse clone too. */
async function bringAsked(ctx: FlowContext, git: Git, asked: readonly string[]): Promise<void> {
  if ((await readCone(git)).directories === undefined) return;
  const mirror = await openMirror(ctx, git.dir);
  const lock = lockPackages(await topFile(git, "package-lock.json", mirror.head));
  await widen(ctx, git, { mirror, directories: neededDirectories({ ...mirror, lock }, { packages: asked }) });
}

type Notes = Pick<AddResult, "installScripts" | "holes" | "unbuilt" | "linksOut">;

async function planChange(
  ctx: FlowContext,
  mirror: Mirror,
  { wish, options }: { wish: Wish; options: AddOptions },
): Promise<{ plan: ImportPlan & { asked: string[] }; notes: Notes }> {
  const git = new Git(ctx, mirror.dir);
  const leaving = wish.remove ?? [];
  const closure =
    wish.npm === undefined
      ? undefined
      : await changeClosure(ctx, without(mirror, leaving), { wish: wish.npm, git: wish.git, options });
  const modules =
    wish.go === undefined && wish.git.length === 0
      ? undefined
      : await changeModules(ctx, without(mirror, leaving), {
          wish: wish.go ?? { add: new Map() },
          git: wish.git,
          options,
        });
  const wanted = [...wish.git, ...(wish.archives ?? []), ...(closure?.incoming ?? []), ...(modules?.incoming ?? [])];
  const incoming = wanted.filter((item) => !isThere(mirror, item)).sort((a, b) => (a.prefix < b.prefix ? -1 : 1));
  const refs = { ...closure?.refs, ...modules?.refs };
  for (const { prefix, ref } of wanted) if (!incoming.some((item) => item.prefix === prefix)) refs[prefix] = ref;
  const submodules = (await topFile(git, modulesFile, mirror.head)) ?? "";
  checkPlaces(mirror, incoming, submodules);
  const listings = await listSources(git, incoming);
  refuseBadPaths(listings);
  refuseLargeFiles(incoming, listings, options.maxFileBytes);
  const remove = [...leaving, ...(closure?.remove ?? []), ...(modules?.remove ?? [])].sort();
  const submodulesAfter = await modulesAfter(git, submodules, { incoming, listings, leaving: remove });
  return {
    plan: {
      asked: (wish.npm?.add ?? []).map((spec) => spec.replace(/(?<=.)@.*$/, "")),
      incoming,
      remove,
      unlink: await linksInto(git, mirror, leaving),
      refs,
      files: {
        ...closure?.files,
        ...modules?.files,
        ...(submodulesAfter === submodules ? {} : { [modulesFile]: submodulesAfter }),
      },
      links: closure?.links ?? {},
    },
    notes: {
      installScripts: closure?.installScripts ?? [],
      holes: closure?.holes ?? [],
      unbuilt: await unbuilt(git, incoming),
      linksOut: await linksOut(git, listings),
    },
  };
}

function without(mirror: Mirror, leaving: readonly string[]): Mirror {
  const staying = Object.entries(mirror.manifest.prefixes).filter(([prefix]) => !leaving.includes(prefix));
  return { ...mirror, manifest: { version: 1, prefixes: Object.fromEntries(staying) } };
}

/** Links below node_modules/ that lead to what leaves. */
async function linksInto(git: Git, { head }: Mirror, leaving: readonly string[]): Promise<string[]> {
  const manifests = await packagesAt(
    git,
    leaving.map((prefix) => `${head}:${prefix}`),
  );
  const links = manifests
    .map((manifest) => `node_modules/${manifest?.name ?? ""}`)
    .filter((link) => !leaving.includes(link) && pathFault(link) === undefined);
  if (links.length === 0) return [];
  const listed = await git.list(["--literal-pathspecs", "ls-tree", "-z", head as string, "--", ...links]);
  return listed.filter((line) => line.startsWith("120000 ")).map((line) => line.slice(line.indexOf("\t") + 1));
}

/** @throws FlowError FLOW_VENDOR_BAD_PREFIX when another source has the prefix, or one that differs in case only */
function checkPlaces({ manifest }: Mirror, incoming: readonly Incoming[], submodules: string): void {
  const existing = [...Object.keys(manifest.prefixes), ...incoming.map(({ prefix }) => prefix)];
  for (const { prefix, source } of incoming) {
    checkCollision(prefix, existing);
    const submodule = submoduleAt(submodules, prefix);
    if (submodule !== undefined) {
      throw new FlowError(
        "FLOW_VENDOR_BAD_PREFIX",
        `${submodule} is the place of a submodule, which its upstream moves`,
        {
          hint: "choose another place with --prefix, and lead the build there",
        },
      );
    }
    const other = manifest.prefixes[prefix];
    if (other !== undefined && other.source !== source && other.source !== unknownSource) {
      throw new FlowError("FLOW_VENDOR_BAD_PREFIX", `prefix ${prefix} belongs to ${other.source} already`, {
        hint: "choose another with --prefix",
      });
    }
    const twin = incoming.find((item) => item.prefix === prefix && item.source !== source);
    if (twin !== undefined) {
      throw new FlowError("FLOW_VENDOR_BAD_PREFIX", `${twin.source} and ${source} both claim prefix ${prefix}`, {
        hint: "choose another for one of them with --prefix",
      });
    }
  }
}

function isThere({ manifest }: Mirror, { prefix, source, integrity, version, content }: Incoming): boolean {
  const entry = manifest.prefixes[prefix];
  if (entry === undefined || entry.source !== source) return false;
  return "commit" in content
    ? entry.commit === content.commit
    : entry.version === version && entry.integrity === integrity;
}

/** Git sources whose package.json names files that only a build would make. */
async function unbuilt(git: Git, incoming: readonly Incoming[]): Promise<string[]> {
  const found: string[] = [];
  for (const { prefix, content } of incoming) {
    if ("files" in content) continue;
    const manifest = await packageAt(git, content.commit);
    const missing = manifest === undefined ? [] : await missingEntries(git, content.commit, manifest);
    if (missing.length > 0) found.push(`${prefix}: ${missing.join(", ")}`);
  }
  return found;
}

function report(ctx: FlowContext, { holes, installScripts, unbuilt: sources, linksOut: links }: Notes): void {
  for (const hole of holes) warn(ctx, `the registry does not have ${hole}: machines that need it will miss it`);
  for (const source of sources) {
    warn(
      ctx,
      `its package.json names what its repository does not ship, so it must be built to be imported (vendor.build in flow.yaml): ${source}`,
    );
  }
  if (links.length > 0)
    warn(ctx, `links that lead out of their source, kept as upstream has them: ${links.join(", ")}`);
  if (installScripts.length > 0) info(ctx, `install scripts that were not run: ${installScripts.join(", ")}`);
}

function planned({ manifest }: Mirror, incoming: readonly Incoming[]): Change[] {
  return incoming.map(({ prefix, source, version, ref }) => {
    const old = manifest.prefixes[prefix];
    return {
      prefix,
      source,
      ...(old === undefined ? {} : { from: old.version ?? old.ref }),
      to: version ?? ref,
      patched: old?.patched ?? false,
    };
  });
}

function split(changes: readonly Change[]): Pick<AddResult, "added" | "updated"> {
  return {
    added: changes.filter(({ from }) => from === undefined),
    updated: changes.filter(({ from }) => from !== undefined),
  };
}

async function differs(git: Git, { manifest, head }: Mirror, { files, links, refs }: ImportPlan): Promise<boolean> {
  if (Object.entries(refs).some(([prefix, ref]) => manifest.prefixes[prefix]?.ref !== ref)) return true;
  for (const [path, text] of Object.entries({ ...files, ...links })) {
    if ((await topFile(git, path, head)) !== text) return true;
  }
  return false;
}
