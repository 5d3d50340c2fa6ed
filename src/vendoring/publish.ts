import { existsSync } from "node:fs";
import { mkdir, readFile, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { FlowContext } from "../core/context.ts";
import { FlowError, isFlowError } from "../core/errors.ts";
import { debug } from "../core/events.ts";
import { writeAtomic } from "../core/files.ts";
import type { Git } from "../core/git/index.ts";

interface Journal {
  from: string;
  to: string;
  branch: string;
}

async function journalPath(git: Git): Promise<string> {
  return join(await git.text(["rev-parse", "--path-format=absolute", "--git-path", "flow"]), "publishing.json");
}

/**
 * Moves the branch from `from` to `to` and the work tree with it, keeping every local change that is not in the way.
 * A crash leaves the old or the new commit; {@link recover} finishes the work tree.
 * @throws FlowError FLOW_VENDOR_DIRTY when local changes are in the way (nothing was changed)
 */
export async function publish(git: Git, { from, to }: { from: string; to: string }): Promise<void> {
  if (from === to) return;
  const branch = await git.text(["symbolic-ref", "-q", "HEAD"], { okCodes: [0, 1] });
  if (branch === "") {
    throw new FlowError("FLOW_VENDOR_DIRTY", `the mirror ${git.dir} is on no branch`, {
      hint: "git checkout main, then run the command again",
    });
  }
  await refuseIfInTheWay(git, from, to);
  const journal = await journalPath(git);
  await mkdir(dirname(journal), { recursive: true });
  await writeAtomic(journal, JSON.stringify({ from, to, branch } satisfies Journal));
  try {
    await git.run(["update-ref", "-m", "flow vendor", branch, to, from]);
  } catch (error) {
    await rm(journal, { force: true });
    throw isFlowError(error)
      ? new FlowError("FLOW_VENDOR_DIRTY", "the mirror's branch moved meanwhile", {
          cause: error,
          hint: "run the command again",
        })
      : error;
  }
  await git.run(["read-tree", "-m", "-u", from, to]);
  await rm(journal, { force: true });
}

async function refuseIfInTheWay(git: Git, from: string, to: string): Promise<void> {
  await git.run(["update-index", "-q", "--refresh"], { okCodes: [0, 1] });
  const dry = await git.run(["read-tree", "-m", "-u", "-n", from, to], { okCodes: [0, 1, 128] });
  if (dry.exitCode === 0) return;
  const names = dry.stderr
    .split("\n")
    .map((line) => /Entry '(.+)' (?:not uptodate|would be overwritten)|file '(.+)' would be overwritten/.exec(line))
    .map((match) => match?.[1] ?? match?.[2])
    .filter((name) => name !== undefined);
  throw new FlowError(
    "FLOW_VENDOR_DIRTY",
    `changes in ${git.dir} that are not committed are in the way${names.length > 0 ? `: ${names.join(", ")}` : ""}`,
    {
      cause: dry.stderr.trim(),
      hint: "nothing was changed. Commit them (they become a patch) or put them away, and run the command again",
    },
  );
}

/** Finishes a publication that was killed: the branch is at the new commit, the files are not all there yet. */
export async function recover(ctx: FlowContext, git: Git): Promise<void> {
  const path = await journalPath(git);
  if (!existsSync(path)) return;
  const { from, to, branch } = JSON.parse(await readFile(path, "utf8")) as Journal;
  const head = await git.text(["rev-parse", "--verify", "--quiet", branch], { okCodes: [0, 1, 128] });
  if (head === to) {
    debug(ctx, `finishing the checkout of ${to}, which was interrupted`);
    const lock = await git.text(["rev-parse", "--path-format=absolute", "--git-path", "index.lock"]);
    await rm(lock, { force: true });
    // Exactly what the commit changes is taken from it; no local change was there when it began.
    const changed = (await git.bytes(["diff-tree", "-r", "-z", "--name-only", "--no-renames", from, to]))
      .toString("utf8")
      .split("\0")
      .filter(Boolean);
    for (const name of changed) await rm(join(git.dir, name), { force: true });
    await git.run(["read-tree", to]);
    await git.run(["checkout-index", "-f", "-q", "-z", "--stdin"], {
      input: (await presentIn(git, to, changed)).map((name) => `${name}\0`).join(""),
    });
    await git.run(["update-index", "-q", "--refresh"], { okCodes: [0, 1] });
  }
  await rm(path, { force: true });
}

async function presentIn(git: Git, commit: string, names: readonly string[]): Promise<string[]> {
  const all = new Set((await git.bytes(["ls-tree", "-r", "-z", "--name-only", commit])).toString("utf8").split("\0"));
  return names.filter((name) => all.has(name));
}
