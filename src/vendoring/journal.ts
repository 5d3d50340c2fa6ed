import { existsSync } from "node:fs";
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { writeAtomic } from "../core/files.ts";
import type { Git } from "../core/git/index.ts";

/** A publication under way: the branch moves from one commit to another, and the work tree follows. */
export interface Journal {
  from: string;
  to: string;
  branch: string;
}

/** Variable in the environment of the git that checks a publication out; its value is the new commit. */
export const checkoutMark = "FLOW_CHECKOUT";

async function pathOf(git: Git): Promise<string> {
  return join(await git.text(["rev-parse", "--path-format=absolute", "--git-path", "flow"]), "publishing.json");
}

export async function writeJournal(git: Git, journal: Journal): Promise<void> {
  await writeAtomic(await pathOf(git), JSON.stringify(journal));
}

/** The publication that a killed command left; undefined without one. */
export async function readJournal(git: Git): Promise<Journal | undefined> {
  const path = await pathOf(git);
  return existsSync(path) ? (JSON.parse(await readFile(path, "utf8")) as Journal) : undefined;
}

export async function removeJournal(git: Git): Promise<void> {
  await rm(await pathOf(git), { force: true });
}
