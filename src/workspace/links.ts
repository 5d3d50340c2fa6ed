import { existsSync } from "node:fs";
import { lstat, readdir, readlink, rmdir, unlink } from "node:fs/promises";
import { dirname, join, relative, resolve } from "node:path";
import { loadRepositories, type Workspace } from "../config/index.ts";
import type { FlowContext } from "../core/context.ts";
import { ensureSymlink } from "../core/files.ts";
import { readJson } from "../core/json.ts";
import type { WorkspacePaths } from "../core/paths.ts";
import { buildPlace } from "./builds.ts";
import { builtPackages, linkTargets, openMirror } from "../vendoring/index.ts";

export interface LinkResult {
  /** How many packages `node_modules` links to. */
  links: number;
  /** Names whose link was made, changed or removed. */
  changed: string[];
}

/**
 * Makes `node_modules/` what Node's lookup from any service finds: links to the mirror's packages and to the team's
 * own repositories, and nothing else. To be run after the mirror or the list of repositories changed.
 */
export async function linkPackages(ctx: FlowContext, workspace: Workspace): Promise<LinkResult> {
  const { paths } = workspace;
  const mirror = await openMirror(ctx, paths.mirror);
  const built = await builtPackages(ctx, mirror, buildPlace(ctx, workspace));
  // The team's own packages win: their names are never the mirror's.
  const wanted = new Map([
    ...(await linkTargets(mirror)).map(({ name, target }) => [name, target] as const),
    ...built,
    ...ownFlow(paths),
    ...(await ownPackages(workspace)),
  ]);
  const changed: string[] = [];
  for (const name of await existingLinks(paths)) {
    if (wanted.has(name)) continue;
    await unlink(join(paths.nodeModules, name));
    changed.push(name);
  }
  for (const [name, target] of wanted) {
    const link = join(paths.nodeModules, name);
    if (await ensureSymlink(relative(dirname(link), target), link)) changed.push(name);
  }
  await removeEmptyScopes(paths);
  return { links: wanted.size, changed: changed.sort() };
}

/** Services import the runtime of the flow that is in use, so that an update and a rollback move both at once. */
function ownFlow({ current }: WorkspacePaths): [name: string, dir: string][] {
  const dir = join(current, "flow");
  return existsSync(dir) ? [["goflow", dir]] : [];
}

async function ownPackages(workspace: Workspace): Promise<[name: string, dir: string][]> {
  const repositories = await loadRepositories(workspace);
  const packages = await Promise.all(
    repositories.map(async ({ dir }): Promise<[string, string] | undefined> => {
      const manifest = (await readJson(join(dir, "package.json"))) as { name?: unknown } | undefined;
      return typeof manifest?.name === "string" ? [manifest.name, dir] : undefined;
    }),
  );
  return packages.filter((entry) => entry !== undefined);
}

/** Names of links into `src/` and to builds; what else somebody put there is left alone. */
async function existingLinks({ nodeModules, home, builds }: WorkspacePaths): Promise<string[]> {
  const names: string[] = [];
  for (const name of await namesIn(nodeModules)) {
    const path = join(nodeModules, name);
    if (!(await lstat(path)).isSymbolicLink()) continue;
    const target = resolve(dirname(path), await readlink(path));
    if ([join(home, "src"), builds].some((dir) => target.startsWith(dir))) names.push(name);
  }
  return names;
}

async function namesIn(nodeModules: string): Promise<string[]> {
  const entries = await readdir(nodeModules).catch(() => []);
  const nested = await Promise.all(
    entries.map(async (name) =>
      name.startsWith("@")
        ? (await readdir(join(nodeModules, name)).catch(() => [])).map((inner) => `${name}/${inner}`)
        : [name],
    ),
  );
  return nested.flat();
}

async function removeEmptyScopes({ nodeModules }: WorkspacePaths): Promise<void> {
  for (const name of await readdir(nodeModules).catch(() => [])) {
    // rmdir refuses what is not empty, and that is the test.
    if (name.startsWith("@")) await rmdir(join(nodeModules, name)).catch(() => {});
  }
}
