import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { FlowContext } from "../../core/context.ts";
import { Git } from "../../core/git/index.ts";
import { readCone } from "../clone/cone.ts";
import { isGit, isGo } from "../sources.ts";
import { readObjects } from "../trees.ts";
import type { Mirror } from "../types.ts";
import { parseModFile, type ModFile } from "./mod-file.ts";

/** A Go module that lies in a mirror's work tree. */
export interface HeldModule extends ModFile {
  prefix: string;
  /** Absolute directory. */
  dir: string;
  /** Of one that came from a module proxy. */
  version?: string;
}

/**
 * Every Go module that a mirror holds: those out of a module proxy, and git sources with a go.mod at their top. Of what a
 * sparse clone has not checked out, it is the committed go.mod that is read.
 */
export async function heldModules(ctx: FlowContext, mirror: Mirror): Promise<HeldModule[]> {
  const candidates = Object.entries(mirror.manifest.prefixes).filter(([, entry]) => isGo(entry) || isGit(entry));
  if (candidates.length === 0) return [];
  const git = new Git(ctx, mirror.dir);
  const cone = await readCone(git);
  const outside = candidates.map(([prefix]) => prefix).filter((prefix) => !cone.holds(prefix));
  const read = await readObjects(
    git,
    outside.map((prefix) => `${mirror.head}:${prefix}/go.mod`),
  );
  const committed = new Map(outside.map((prefix, index) => [prefix, read[index]?.toString("utf8")]));
  const found: HeldModule[] = [];
  for (const [prefix, entry] of candidates) {
    const dir = join(mirror.dir, prefix);
    const text = committed.has(prefix)
      ? committed.get(prefix)
      : await readFile(join(dir, "go.mod"), "utf8").catch(() => undefined);
    const mod = text === undefined ? undefined : parseModFile(text);
    if (mod === undefined) continue;
    const { version } = entry;
    found.push({ ...mod, prefix, dir, ...(isGo(entry) && version !== undefined ? { version } : {}) });
  }
  return found.sort((a, b) => (a.module < b.module ? -1 : 1));
}

/** Reads the go.mod in a directory; undefined without one. */
export async function readModule(dir: string): Promise<ModFile | undefined> {
  const text = await readFile(join(dir, "go.mod"), "utf8").catch(() => undefined);
  return text === undefined ? undefined : parseModFile(text);
}

/** The module that holds a package, out of these: the longest path that the package's begins with. */
export function moduleOf(main: string, modules: readonly string[]): string | undefined {
  return modules
    .filter((module) => main === module || main.startsWith(`${module}/`))
    .sort((a, b) => b.length - a.length)[0];
}
