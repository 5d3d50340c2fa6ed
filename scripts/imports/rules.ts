import type { ImportSite, Module } from "./scan.ts";
import * as table from "./table.ts";

export interface Violation {
  path: string;
  line: number;
  message: string;
}

export interface Project {
  /** By path from the checkout's root. */
  modules: ReadonlyMap<string, Module>;
  /** Sources of the runtime's public subpaths. */
  publicRuntime: (path: string) => boolean;
  /** `dependencies` of package.json. */
  dependencies: readonly string[];
  /** Its peer dependencies, which the library may import too. */
  peers: readonly string[];
}

/** Why a module may not import what it imports, by the table of folders. */
export function folderViolations(project: Project): Violation[] {
  return [...project.modules.values()].flatMap((module) =>
    module.imports.flatMap((site) => {
      const message =
        site.file === undefined ? packageRule(module.path, site, project) : fileRule(module.path, site.file, project);
      return message === undefined ? [] : [{ path: module.path, line: site.line, message }];
    }),
  );
}

function packageRule(from: string, site: ImportSite, project: Project): string | undefined {
  const name = site.package ?? "";
  const homes = table.packageHomes[name];
  if (homes !== undefined && !from.startsWith("test/") && !homes.some((home) => from.startsWith(home))) {
    return `${name} belongs to ${homes.join(", ")}: go through what that offers`;
  }
  if (name.startsWith("node:")) return undefined;
  if (from.startsWith("src/http2/")) return `http2 imports node: only, not ${name}`;
  if (from.startsWith("src/runtime/") && ![...project.dependencies, ...project.peers].includes(name)) {
    return `the published runtime imports ${name}, which is not among package.json's dependencies`;
  }
  return undefined;
}

function fileRule(from: string, to: string, project: Project): string | undefined {
  if (!to.endsWith(".ts") && !to.endsWith(".json")) return `${to}: an import names the file with its extension .ts`;
  const source = folderOf(from);
  const target = folderOf(to);
  if (source === undefined) return undefined;
  if (target === undefined) return `${source} does not import ${to}`;
  if (source === target) return undefined;
  switch (source) {
    case "scripts":
      return `scripts import development dependencies and each other, not ${to}`;
    case "cli":
      return undefined;
    case "core":
    case "http2":
      return `${source} imports nothing else of src, not ${to}`;
    case "config":
      return target === "core" ? undefined : `config imports core only, not ${to}`;
    case "runtime":
      return target === "http2" ? undefined : `the runtime is published alone: it does not import ${to}`;
    default:
      return featureRule({ source, target, to }, project);
  }
}

function featureRule({ source, target, to }: { source: string; target: string; to: string }, project: Project) {
  if (rankOf(source) < 0) return `src/${source} is in no row of DESIGN's table`;
  if (target === "core" || target === "config") return undefined;
  if (target === "runtime") {
    return project.publicRuntime(to) ? undefined : `features use the runtime's public subpaths, not ${to}`;
  }
  if (target === "http2") return table.http2Features.includes(source) ? undefined : `${source} does not import http2`;
  if (target === "cli" || target === "scripts") return `features never import ${target}`;
  if (rankOf(target) >= rankOf(source)) return `${source} may import what is below it; ${target} is not`;
  if (to !== `src/${target}/index.ts`) return `another feature is imported by its index.ts, not by ${to}`;
  return undefined;
}

function rankOf(feature: string): number {
  return table.featureRanks.findIndex((row) => (row as readonly string[]).includes(feature));
}

/** `cli`, `core`, a feature, `scripts`; undefined for what may import everything (tests) or is never imported. */
function folderOf(path: string): string | undefined {
  // Data for tests and benchmarks, written as flow writes it.
  if (/^scripts\/big-mirror[./]/.test(path)) return undefined;
  if (path.startsWith("scripts/")) return "scripts";
  return /^src\/([^/]+)\//.exec(path)?.[1];
}

/** Dependencies that every user of the library would install although it never imports them. */
export function dependencyViolations({ modules, dependencies }: Project): Violation[] {
  const runtime = [...modules.values()].filter(({ path }) => path.startsWith("src/runtime/"));
  const used = new Set(runtime.flatMap(({ imports }) => imports.map((site) => site.package)));
  return dependencies
    .filter((name) => !used.has(name))
    .map((name) => ({
      path: "package.json",
      line: 1,
      message: `${name}: dependencies are the runtime's alone, and it does not import this`,
    }));
}

/** Uses of `process`, the console and a module's own place where the context says these things. */
export function globalViolations({ modules }: Project): Violation[] {
  return [...modules.values()].flatMap(({ path, globals }) => {
    if (!path.startsWith("src/") || path.startsWith("src/cli/") || table.processReaders.includes(path)) return [];
    return globals
      .filter(({ name }) => !isAllowed(name, path))
      .map(({ name, line }) => ({ path, line, message: `${name}: below src/cli such things come by the context` }));
  });
}

function isAllowed(name: string, path: string): boolean {
  // The bundle moves a module elsewhere; the library keeps its files where they are.
  if (name.startsWith("import.meta.")) return path.startsWith("src/runtime/");
  const member = name.replace(/^process\./, "");
  return table.harmlessProcess.includes(member) || (path.startsWith("src/core/") && table.coreProcess.includes(member));
}

/** What is loaded too early: with the launcher, with the frame, or with a command that has not begun to act. */
export function eagerViolations({ modules }: Project): Violation[] {
  const launcher = eagerImports(modules, "src/cli/main.ts").filter(({ site }) =>
    site.file === undefined ? !site.specifier.startsWith("node:") : !table.launcherImports.includes(site.file),
  );
  const verbs = modules.get(table.commandTable)?.imports.filter(({ kind }) => kind === "lazy") ?? [];
  const commands = verbs.map(({ file }) => file).filter((file) => file !== undefined);
  const packages = [...table.frameModules, ...commands].flatMap((start) => {
    const heavy = eagerImports(modules, start).filter(
      ({ site: { package: name } }) => name !== undefined && !isLight(name),
    );
    return [...new Map(heavy.map((load) => [load.site.package, load])).values()];
  });
  return [...launcher, ...packages].map(({ chain, site }) => ({
    path: chain[0] ?? "",
    line: 1,
    message: `loads ${site.specifier} before it acts (${chain.slice(1).join(" → ") || "directly"}): import it inside the action`,
  }));
}

function isLight(name: string): boolean {
  return name.startsWith("node:") || table.lightPackages.includes(name);
}

interface EagerImport {
  /** The modules that lead to the import, the first being where loading began. */
  chain: string[];
  site: ImportSite;
}

/** Every import that runs when `start` is loaded. */
function eagerImports(modules: Project["modules"], start: string): EagerImport[] {
  const found: EagerImport[] = [];
  const seen = new Set<string>();
  const visit = (path: string, leading: string[]) => {
    if (seen.has(path)) return;
    seen.add(path);
    const chain = [...leading, path];
    for (const site of modules.get(path)?.imports ?? []) {
      if (site.kind !== "eager") continue;
      found.push({ chain, site });
      if (site.file !== undefined) visit(site.file, chain);
    }
  };
  visit(start, []);
  return found;
}
