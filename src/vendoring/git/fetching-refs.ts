import { randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import type { Git } from "../../core/git/index.ts";
import { identify } from "../../core/proc.ts";
import { gitPath } from "../conflict/state.ts";

const root = "refs/flow/fetching";

/** Where a fetch of this process holds what comes, until it is known what it is. */
export function fetchingRefs(): string {
  return `${ownedBy(process.pid)}/${randomUUID()}`;
}

/** A process id is used again; with the time of its start it is not. */
function ownedBy(pid: number): string {
  return `${root}/${pid}/${(identify(pid)?.startTime ?? "gone").replace(/[^A-Za-z0-9]+/g, "-")}`;
}

/** Removes what lies below `prefix`. */
export async function removeRefs(git: Git, prefix: string): Promise<void> {
  const found = await git.text(["for-each-ref", "--format=delete %(refname)", prefix]);
  // Two may find the same.
  if (found !== "") await git.run(["update-ref", "--stdin"], { input: `${found}\n`, okCodes: [0, 1, 128] });
}

/** Removes what fetches of processes that are gone have left. */
export async function sweepFetchingRefs(git: Git): Promise<void> {
  if (!existsSync(await gitPath(git, root))) return;
  const found = await git.text(["for-each-ref", "--format=%(refname)", root]);
  const owners = new Set(found.split("\n").map((ref) => ref.split("/").slice(0, 5).join("/")));
  for (const owner of owners) {
    if (owner !== "" && owner !== ownedBy(Number(owner.split("/")[3]))) await removeRefs(git, owner);
  }
}
