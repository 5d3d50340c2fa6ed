import { existsSync } from "node:fs";
import { cp, mkdir, readdir, readlink, realpath } from "node:fs/promises";
import { basename, join, relative } from "node:path";
import { z } from "zod";
import { ensureSymlink, stageDirectory, sweepStaging, writeAtomic } from "../../core/files.ts";
import { formatJson, readJson } from "../../core/json.ts";
import type { WorkspacePaths } from "../../core/paths.ts";

const schema = z.object({
  /** Generation that was in use before; what `flow self-update --rollback` returns to. */
  previous: z.string().optional(),
});

/**
 * What runs together: one Node, one flow and one version of every tool. `pkg/generations/<id>/` holds links and shims
 * only; `pkg/current` names the one in use, and everything in the workspace's `bin/` goes through it.
 */
export interface Generation {
  /** A number; a later one has a higher. */
  id: string;
  dir: string;
  previous: string | undefined;
}

/** Version of a generation's Node. */
export async function nodeVersionOf({ dir }: Generation): Promise<string> {
  return basename(await readlink(join(dir, "node")));
}

/** flow's version in a generation; undefined while it has none. */
export async function flowVersionOf(generation: Generation | undefined): Promise<string | undefined> {
  if (generation === undefined) return undefined;
  const target = await readlink(join(generation.dir, "flow")).catch(() => undefined);
  return target === undefined ? undefined : basename(target);
}

/** The generation in use; undefined in a workspace without any. */
export async function currentGeneration(paths: WorkspacePaths): Promise<Generation | undefined> {
  const target = await readlink(paths.current).catch(() => undefined);
  return target === undefined ? undefined : await readGeneration(paths, basename(target));
}

/** @returns undefined when it is not there */
async function readGeneration(paths: WorkspacePaths, id: string): Promise<Generation | undefined> {
  const dir = join(paths.generations, id);
  if (!existsSync(join(dir, "bin"))) return undefined;
  const { data } = schema.safeParse(await readJson(join(dir, "generation.json")).catch(() => undefined));
  return { id, dir, previous: data?.previous };
}

/** All complete generations, oldest first. */
export async function listGenerations(paths: WorkspacePaths): Promise<Generation[]> {
  const names = (await readdir(paths.generations).catch(() => [])).filter((name) => /^\d+$/.test(name));
  const found = await Promise.all(
    names.sort((a, b) => Number(a) - Number(b)).map((name) => readGeneration(paths, name)),
  );
  return found.filter((generation) => generation !== undefined);
}

/** The generation in use; an empty one is made in a workspace that has none. */
export async function ensureGeneration(paths: WorkspacePaths): Promise<Generation> {
  const current = await currentGeneration(paths);
  if (current !== undefined) return current;
  const made = await makeGeneration(paths, undefined);
  await switchTo(paths, made);
  return made;
}

/** A copy of the generation in use, for an update to change before it is switched to. */
export async function nextGeneration(paths: WorkspacePaths): Promise<Generation> {
  return await makeGeneration(paths, await currentGeneration(paths));
}

async function makeGeneration(paths: WorkspacePaths, base: Generation | undefined): Promise<Generation> {
  const last = (await listGenerations(paths)).at(-1);
  const id = String(Number(last?.id ?? 0) + 1);
  const dir = join(paths.generations, id);
  await sweepStaging(dir);
  await stageDirectory(dir, async (staging) => {
    if (base === undefined) await mkdir(join(staging, "bin"));
    else await cp(base.dir, staging, { recursive: true, verbatimSymlinks: true });
    await writeAtomic(join(staging, "generation.json"), formatJson(base === undefined ? {} : { previous: base.id }));
  });
  return { id, dir, previous: base?.id };
}

/** Puts a version of flow and of Node into a generation that is not in use, or not yet complete. */
export async function setParts(
  paths: WorkspacePaths,
  { dir }: Pick<Generation, "dir">,
  parts: { flow?: string; node?: string },
): Promise<void> {
  for (const part of ["flow", "node"] as const) {
    const version = parts[part];
    if (version !== undefined) await ensureSymlink(relative(dir, join(paths[part], version)), join(dir, part));
  }
}

/** The one step that makes a generation the one in use: a link is renamed into place. */
export async function switchTo(paths: WorkspacePaths, { id }: Pick<Generation, "id">): Promise<void> {
  await ensureSymlink(join("generations", id), paths.current);
}

/** Real directory of the flow in use, which stays the same when another one is switched to. */
export async function currentFlow(paths: WorkspacePaths): Promise<string> {
  return await realpath(join(paths.current, "flow"));
}
