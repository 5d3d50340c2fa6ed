import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { writeAtomic } from "../../core/files.ts";
import { formatJson } from "../../core/json.ts";
import type { Git } from "../../core/git/index.ts";
import { gitPath } from "../conflict/state.ts";
import { changedPaths } from "../trees.ts";
import { ownFiles } from "./merge-heads.ts";

const schema = z.array(
  z.object({
    /** Branch at the remote. */
    branch: z.string(),
    /** Head of the protected branch that it was made for. */
    base: z.string(),
    /** Its commit: the mirror's tree, without the history behind it. */
    commit: z.string(),
    /** Head of the mirror that it stands for. */
    head: z.string(),
  }),
);

/** A branch that was pushed because the shared one is protected, and that somebody shall merge. */
export type Proposal = z.infer<typeof schema>[number];

const keepRef = (branch: string) => `refs/flow/proposed/${branch}`;
/** How far back a forge's commit is looked for. */
const mostCommits = 200;

async function file(git: Git): Promise<string> {
  return join(await gitPath(git, "flow"), "proposals.json");
}

/** Proposals that were not seen merged yet, oldest first. */
export async function readProposals(git: Git): Promise<Proposal[]> {
  const text = await readFile(await file(git), "utf8").catch(() => "[]");
  const parsed = schema.safeParse(JSON.parse(text));
  return parsed.success ? parsed.data : [];
}

export async function recordProposal(git: Git, proposal: Proposal): Promise<void> {
  const others = (await readProposals(git)).filter(({ branch }) => branch !== proposal.branch);
  await git.run(["update-ref", keepRef(proposal.branch), proposal.commit]);
  await writeAtomic(await file(git), formatJson([...others, proposal]));
}

/** The newest proposal of ours whose content `theirs` holds, in whatever commits the forge made of it. */
export async function landedProposal(
  git: Git,
  { ours, theirs }: { ours: string; theirs: string },
): Promise<Proposal | undefined> {
  for (const proposal of (await readProposals(git)).reverse()) {
    const mine = await git.run(["merge-base", "--is-ancestor", proposal.head, ours], { okCodes: [0, 1, 128] });
    if (mine.exitCode === 0 && (await hasLanded(git, proposal, theirs))) return proposal;
  }
  return undefined;
}

/** Forgets proposals that have landed. */
export async function settleProposals(git: Git, theirs: string): Promise<void> {
  const all = await readProposals(git);
  const open: Proposal[] = [];
  for (const proposal of all) {
    if (await hasLanded(git, proposal, theirs)) await git.run(["update-ref", "-d", keepRef(proposal.branch)]);
    else open.push(proposal);
  }
  if (open.length < all.length) await writeAtomic(await file(git), formatJson(open));
}

/** Whether some commit on the way to `theirs` has every path that the proposal changed as the proposal has it. */
async function hasLanded(git: Git, { base, commit }: Proposal, theirs: string): Promise<boolean> {
  const ancestor = await git.run(["merge-base", "--is-ancestor", commit, theirs], { okCodes: [0, 1, 128] });
  if (ancestor.exitCode === 0) return true;
  const wanted = [...(await changedPaths(git, base, commit)).keys()].filter((path) => !ownFiles.includes(path));
  if (wanted.length === 0) return false;
  const listed = await git.run(["rev-list", "--first-parent", `--max-count=${mostCommits}`, theirs, `^${base}`], {
    okCodes: [0, 128],
  });
  for (const candidate of listed.stdout.split("\n").filter(Boolean)) {
    const differing = await changedPaths(git, candidate, commit);
    if (!wanted.some((path) => differing.has(path))) return true;
  }
  return false;
}
