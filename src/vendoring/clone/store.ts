import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { constants, copyFile, link, mkdir, readdir, readFile, rename, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { FlowContext } from "../../core/context.ts";
import { systemCode } from "../../core/errors.ts";
import { stageDirectory, sweepStaging } from "../../core/files.ts";
import type { Git } from "../../core/git/index.ts";
import { withLock } from "../../core/lock.ts";
import { cloneState } from "./state.ts";

/**
 * Where clones of one mirror on one machine lend each other what they fetched: packs, as hard links. A pack never
 * changes, and every clone has a link of its own, so that deleting or repacking one takes nothing from another, and
 * the store itself may be deleted at any time.
 */
export interface Store {
  /** Directory of all mirrors. */
  store: string;
  url: string;
}

const refsFile = "packed-refs";

function placeOf({ store, url }: Store): string {
  const withoutSecrets = url.replace(/^([a-z+]+:\/\/)[^/@]*@/, "$1");
  return join(store, createHash("sha256").update(withoutSecrets).digest("hex").slice(0, 24));
}

/**
 * Gives a new clone what an earlier one fetched, with the references to it, so that the remote is asked for the rest
 * alone. A clone with all history takes only what such a one lent.
 * @returns whether there was something
 */
export async function borrow(git: Git, { whole, ...store }: Store & { whole: boolean }): Promise<boolean> {
  const from = placeOf(store);
  const packs = await packsIn(from);
  const isWhole = !existsSync(join(from, "shallow")) && !packs.some((name) => name.endsWith(".promisor"));
  if (!existsSync(join(from, refsFile)) || (whole && !isWhole)) return false;
  const gitDir = join(git.dir, ".git");
  for (const name of packs) await share(join(from, name), join(gitDir, "objects", "pack", name));
  for (const name of ["shallow", refsFile])
    if (existsSync(join(from, name))) await copyFile(join(from, name), join(gitDir, name));
  return true;
}

/** Lends what a clone has fetched from its remote, instead of what the store has of it now. */
export async function lend(ctx: FlowContext, git: Git, store: Store): Promise<void> {
  const to = placeOf(store);
  const { partial } = await cloneState(git);
  const from = join(git.dir, ".git", "objects", "pack");
  const all = await packsIn(from);
  const fetched = all.filter((name) => all.includes(`${stem(name)}.promisor`));
  const packs = partial ? fetched : all;
  const refs = await git.text([
    "for-each-ref",
    "--format=%(objectname) %(refname)",
    "refs/remotes/origin",
    "refs/flow/upstream",
    "refs/flow/history",
  ]);
  await mkdir(dirname(to), { recursive: true, mode: 0o700 });
  await withLock(ctx, `${to}.lock`, { purpose: "lending a mirror's objects" }, async () => {
    const lent = await readFile(join(to, refsFile), "utf8").catch(() => undefined);
    if (lent === `${refs}\n` && (await packsIn(to)).join() === packs.join()) return;
    await sweepStaging(to);
    await stageDirectory(
      to,
      async (staging) => {
        for (const name of packs) await share(join(from, name), join(staging, name));
        const shallow = join(git.dir, ".git", "shallow");
        if (existsSync(shallow)) await copyFile(shallow, join(staging, "shallow"));
        await writeFile(join(staging, refsFile), `${refs}\n`);
      },
      { replace: true },
    );
  });
}

/** Files of packs, each pack's index last: without it git does not see the pack. */
async function packsIn(dir: string): Promise<string[]> {
  const names = (await readdir(dir).catch(() => [])).filter((name) => /^pack-.*\.(pack|promisor|rev|idx)$/.test(name));
  return names.sort((a, b) => Number(a.endsWith(".idx")) - Number(b.endsWith(".idx")) || (a < b ? -1 : 1));
}

function stem(name: string): string {
  return name.slice(0, name.lastIndexOf("."));
}

/** A hard link; on another file system a copy. */
async function share(from: string, to: string): Promise<void> {
  try {
    await link(from, to);
  } catch (error) {
    if (systemCode(error) === "EEXIST") return;
    const staged = join(dirname(to), `tmp_${process.pid}`);
    await copyFile(from, staged, constants.COPYFILE_FICLONE);
    await rename(staged, to);
  }
}
