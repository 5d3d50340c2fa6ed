import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { Workspace } from "../../config/index.ts";
import type { FlowContext } from "../../core/context.ts";
import { isFlowError } from "../../core/errors.ts";
import { warn } from "../../core/events.ts";
import { Git } from "../../core/git/index.ts";
import { openMirror, readPackedFile, type Mirror } from "../../vendoring/index.ts";
import { flowPrefix } from "../flow/prefix.ts";
import { manifestName, parseReleaseManifest, type ReleaseManifest } from "./manifest.ts";

type Versions = Readonly<Record<string, string>>;

/** An npm package of the mirror that a release of flow was tested with in another version than is held. */
interface Companion {
  name: string;
  held: string;
  wanted: string;
}

/**
 * Packages that move with flow: those that the mirror holds exactly as the release before was tested with. Any other
 * version was chosen by the team, and stays.
 * A release without a manifest says nothing.
 */
function companionsOf(
  { manifest }: Pick<Mirror, "manifest">,
  { before, after }: { before: ReleaseManifest | undefined; after: ReleaseManifest | undefined },
): Companion[] {
  const old: Versions = before?.tools ?? {};
  return Object.entries(after?.tools ?? {}).flatMap(([name, wanted]) => {
    const held = manifest.prefixes[`node_modules/${name}`]?.version;
    return held === undefined || held === wanted || held !== old[name] ? [] : [{ name, held, wanted }];
  });
}

/** Paths of the packed releases among what `flow vendor add` takes. */
export function packedReleases({ cwd }: Pick<FlowContext, "cwd">, specs: readonly string[]): string[] {
  return specs.flatMap((spec) =>
    spec.startsWith("file:") && spec.endsWith(".tgz") ? [resolve(cwd, spec.slice("file:".length))] : [],
  );
}

/** As `flow vendor add` takes them. */
function companionSpecs(companions: readonly Companion[]): string[] {
  return companions.map(({ name, wanted }) => `npm:${name}@${wanted}`);
}

/**
 * What else is to be added to a mirror with these, when a packed release of flow is among them: the packages that it
 * was tested with. What is named anyway goes where that says.
 * @param specs as `flow vendor add` takes them
 */
export async function releaseCompanions(ctx: FlowContext, dir: string, specs: readonly string[]): Promise<string[]> {
  const packed = packedReleases(ctx, specs);
  if (packed.length === 0) return [];
  const mirror = await openMirror(ctx, dir);
  const shown = await new Git(ctx, mirror.dir).run(["show", `HEAD:${flowPrefix}/${manifestName}`], {
    okCodes: [0, 128],
  });
  const before = shown.exitCode === 0 ? parsed(Buffer.from(shown.stdout)) : undefined;
  const found = packed.map(async (path) => {
    const after = parsed(await readPackedFile(path, manifestName));
    return companionsOf(mirror, { before, after }).filter(
      ({ name }) => !specs.some((other) => other === `npm:${name}` || other.startsWith(`npm:${name}@`)),
    );
  });
  return companionSpecs((await Promise.all(found)).flat());
}

/**
 * Moves the mirror's packages to what a new release was tested with. A release that comes out of the mirror has them
 * there already (`flow vendor add` saw to it), and nobody but its keeper changes it. What cannot be had is told and no
 * more: the new flow works with what the mirror holds.
 * @param release.root where it lies unpacked and verified
 */
export async function bringCompanions(
  ctx: FlowContext,
  { paths, definition }: Workspace,
  release: { root: string; addToMirror: ((specs: readonly string[]) => Promise<void>) | undefined },
): Promise<void> {
  const mirror = await openMirror(ctx, paths.mirror);
  const before = await manifestIn(join(paths.current, "flow"));
  const companions = companionsOf(mirror, { before, after: await manifestIn(release.root) });
  if (companions.length === 0) return;
  const specs = companionSpecs(companions);
  const elsewhere = (definition.update?.git ?? definition.update?.registry) !== undefined;
  const list = companions.map(({ name, held, wanted }) => `${name} ${wanted}, and the mirror holds ${held}`).join("; ");
  const wayOut = `whoever keeps the mirror brings it there by flow vendor add ${specs.join(" ")}`;
  try {
    if (elsewhere && release.addToMirror !== undefined) await release.addToMirror(specs);
    else warn(ctx, `this flow was tested with ${list}: ${wayOut}`);
  } catch (error) {
    if (!isFlowError(error)) throw error;
    warn(ctx, `this flow was tested with ${list}, which it did not get (${error.message}): ${wayOut}`);
  }
}

/** The manifest of a release that lies unpacked in a directory; undefined where there is none that this flow reads. */
async function manifestIn(directory: string): Promise<ReleaseManifest | undefined> {
  return parsed(await readFile(join(directory, manifestName)).catch(() => undefined));
}

function parsed(bytes: Uint8Array | undefined): ReleaseManifest | undefined {
  try {
    return bytes === undefined ? undefined : parseReleaseManifest(bytes);
  } catch {
    return undefined;
  }
}
