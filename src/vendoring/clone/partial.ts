import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { FlowContext } from "../../core/context.ts";
import type { Git } from "../../core/git/index.ts";
import { bringObjects } from "./objects.ts";

const settings = [
  ["remote.origin.promisor", "true"],
  ["remote.origin.partialclonefilter", "blob:none"],
] as const;

/** Lets a clone be without contents of files; git-clone(1), `--filter=blob:none`. */
export async function makePartial(git: Git): Promise<void> {
  await git.run(["config", "core.repositoryFormatVersion", "1"]);
  await git.run(["config", "extensions.partialClone", "origin"]);
  for (const [name, value] of settings) await git.run(["config", name, value]);
}

/** Makes a clone that has every object an ordinary one, in which a missing one is a fault again. */
export async function makeOrdinary(git: Git): Promise<void> {
  for (const name of ["extensions.partialClone", ...settings.map(([key]) => key)]) {
    await git.run(["config", "--unset-all", name], { okCodes: [0, 5] });
  }
  const packs = join(await git.text(["rev-parse", "--path-format=absolute", "--git-path", "objects/pack"]));
  for (const name of await readdir(packs).catch(() => [])) {
    if (name.endsWith(".promisor")) await rm(join(packs, name), { force: true });
  }
}

/** Fetches every object that history names and a partial clone lacks. @throws FlowError FLOW_VENDOR_FETCH */
export async function bringEverything(
  ctx: FlowContext,
  git: Git,
  onProgress: (done: number, total: number) => void,
): Promise<void> {
  const walked = await git.bytes(["rev-list", "--objects", "--all", "--missing=print"]);
  const missing = walked
    .toString("latin1")
    .split("\n")
    .flatMap((line) => (line.startsWith("?") ? [line.slice(1)] : []));
  await bringObjects(ctx, git, missing, { remote: "origin", onProgress });
}
