import { existsSync } from "node:fs";
import { readFile, rm } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import semver from "semver";
import { glob } from "tinyglobby";
import { loadRepositories, type Repository, type Workspace } from "../config/index.ts";
import type { FlowContext } from "../core/context.ts";
import { warn } from "../core/events.ts";
import { writeIfChanged } from "../core/files.ts";
import { Git } from "../core/git/index.ts";
import { heldModules, openMirror, readModule, type HeldModule, type ModFile } from "../vendoring/index.ts";

const mark =
  "// Written by flow: this repository's Go modules are built from the mirror (`go: mirror` in its flow.yaml).";

interface OwnModule extends ModFile {
  dir: string;
}

/**
 * Writes a go.work into each repository whose flow.yaml says `go: mirror`: its modules take what they require from the
 * mirror, and from the team's other repositories, offline. It lies in the repository and not at the top of the
 * workspace, because Go refuses to build any module below a go.work that does not list it, and one that it lists no
 * longer builds with its own `vendor/`: repositories that do not take part must build as they do anywhere.
 * @returns the repositories that have one now
 */
export async function writeGoWork(ctx: FlowContext, workspace: Workspace): Promise<string[]> {
  const repositories = await loadRepositories(workspace);
  const taking = repositories.filter(({ definition }) => definition.go === "mirror");
  for (const repository of repositories) if (!taking.includes(repository)) await removeWork(repository);
  if (taking.length === 0) return [];
  const held = await heldModules(ctx, await openMirror(ctx, workspace.paths.mirror));
  const own = (await Promise.all(repositories.map(({ dir }) => modulesBelow(dir)))).flat();
  const done: string[] = [];
  for (const repository of taking) {
    const modules = await modulesBelow(repository.dir);
    if (modules.length === 0 || !(await mayWrite(ctx, repository, modules))) continue;
    warnOfOlder(ctx, modules, held);
    const text = await workFile(workspace, { repository, modules, own, held });
    await writeIfChanged(join(repository.dir, "go.work"), text);
    await ignore(ctx, repository.dir);
    done.push(repository.name);
  }
  return done;
}

async function modulesBelow(dir: string): Promise<OwnModule[]> {
  const files = await glob("**/go.mod", {
    cwd: dir,
    ignore: ["**/vendor/**", "**/node_modules/**", "**/testdata/**"],
    followSymbolicLinks: false,
  });
  const modules = await Promise.all(
    files.sort().map(async (file) => {
      const path = join(dir, dirname(file));
      const mod = await readModule(path);
      return mod === undefined ? [] : [{ ...mod, dir: path }];
    }),
  );
  return modules.flat();
}

/** Whether a go.work may lie there: not where the team has its own, nor over a `vendor/` that Go would then refuse. */
async function mayWrite(ctx: FlowContext, { name, dir }: Repository, modules: readonly OwnModule[]): Promise<boolean> {
  const current = await readFile(join(dir, "go.work"), "utf8").catch(() => undefined);
  if (current !== undefined && !current.startsWith(mark)) {
    warn(ctx, `${name} has a go.work of its own: it is left alone, and the mirror is not used`);
    return false;
  }
  const vendored = modules.find((module) => existsSync(join(module.dir, "vendor", "modules.txt")));
  if (vendored === undefined) return true;
  warn(
    ctx,
    `${name} has both \`go: mirror\` and ${relative(dir, join(vendored.dir, "vendor"))}/, which Go cannot use together: delete one of the two`,
  );
  await removeWork({ dir });
  return false;
}

/** The mirror has one version of a module: who requires a later one should know before the compiler complains. */
function warnOfOlder(ctx: FlowContext, modules: readonly OwnModule[], held: readonly HeldModule[]): void {
  const versions = new Map(held.map(({ module, version }) => [module, version]));
  for (const { module, requires } of modules) {
    for (const { path, version } of requires) {
      const there = versions.get(path);
      if (there === undefined || semver.valid(there) === null || semver.valid(version) === null) continue;
      if (semver.lt(there, version))
        warn(
          ctx,
          `${module} requires ${path} ${version}, and the mirror holds ${there}: flow vendor add go:${path}@${version}`,
        );
    }
  }
}

interface WorkParts {
  repository: Repository;
  modules: readonly OwnModule[];
  own: readonly OwnModule[];
  held: readonly HeldModule[];
}

async function workFile(workspace: Workspace, { repository, modules, own, held }: WorkParts): Promise<string> {
  const used = new Set(modules.map(({ module }) => module));
  const directories = new Map<string, string>();
  for (const { module, dir } of [...held, ...own]) if (!used.has(module)) directories.set(module, dir);
  const asked = new Set(modules.flatMap(({ requires }) => requires.map(({ path }) => path)));
  const sources = [...held, ...own].filter(({ module }) => !used.has(module));
  for (const path of sources.flatMap(({ requires }) => requires.map((item) => item.path))) {
    if (used.has(path) || asked.has(path) || directories.has(path)) continue;
    directories.set(path, await emptyModule(workspace, path));
  }
  const line = (dir: string) => {
    const path = relative(repository.dir, dir);
    return path.startsWith("..") ? path : `./${path}`;
  };
  const lines = [...directories].sort(([a], [b]) => (a < b ? -1 : 1)).map(([path, dir]) => `\t${path} => ${line(dir)}`);
  return [
    mark,
    `go ${newest([...modules, ...sources].map(({ go }) => go))}`,
    "",
    "use (",
    ...modules.map(({ dir }) => `\t${line(dir)}`),
    ")",
    ...(lines.length === 0 ? [] : ["", "replace (", ...lines, ")"]),
    "",
  ].join("\n");
}

/**
 * Stands for a module that somebody's go.mod names and nothing that is built needs: Go reads the go.mod of each, and
 * would ask the network for it.
 */
async function emptyModule({ paths }: Workspace, path: string): Promise<string> {
  const dir = join(paths.state, "go", "not-in-mirror", path);
  await writeIfChanged(join(dir, "go.mod"), `module ${path}\n\ngo 1.21\n`);
  return dir;
}

function newest(versions: readonly (string | undefined)[]): string {
  const known = ["1.21", ...versions.filter((version) => version !== undefined)];
  const compare = new Intl.Collator("en", { numeric: true }).compare;
  return known.toSorted(compare).at(-1) as string;
}

/** What flow wrote is nobody's change: the clone's own exclude file names it. */
async function ignore(ctx: FlowContext, dir: string): Promise<void> {
  const git = new Git(ctx, dir);
  const found = await git.run(["rev-parse", "--path-format=absolute", "--git-path", "info/exclude"], {
    okCodes: [0, 128],
  });
  if (found.exitCode !== 0) return;
  const path = found.stdout.trim();
  const current = await readFile(path, "utf8").catch(() => "");
  const lines = ["/go.work", "/go.work.sum"].filter((line) => !current.split("\n").includes(line));
  if (lines.length === 0) return;
  await writeIfChanged(
    path,
    `${current === "" || current.endsWith("\n") ? current : `${current}\n`}${lines.join("\n")}\n`,
  );
}

async function removeWork({ dir }: Pick<Repository, "dir">): Promise<void> {
  const text = await readFile(join(dir, "go.work"), "utf8").catch(() => "");
  if (text.startsWith(mark))
    await Promise.all(["go.work", "go.work.sum"].map((name) => rm(join(dir, name), { force: true })));
}
