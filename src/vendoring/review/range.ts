import { FlowError } from "../../core/errors.ts";
import type { Git } from "../../core/git/index.ts";

/**
 * The two commits that a range names: `A..B`, `A...B` (from where B left A), or `B`: what it brings to HEAD. Undefined is
 * what HEAD has and its branch at the remote has not.
 */
export async function resolveRange(git: Git, range: string | undefined): Promise<{ from: string; to: string }> {
  if (range === undefined) {
    const branch = await git.text(["symbolic-ref", "--quiet", "--short", "HEAD"], { okCodes: [0, 1] });
    return await sinceFork(git, await commitOf(git, `origin/${branch}`), await commitOf(git, "HEAD"));
  }
  const [, left, dots, right] = /^(.*?)(\.{2,3})(.*)$/.exec(range) ?? [];
  if (dots === undefined) return await sinceFork(git, await commitOf(git, "HEAD"), await commitOf(git, range));
  const [a, b] = [await commitOf(git, left || "HEAD"), await commitOf(git, right || "HEAD")];
  return dots === "..." ? await sinceFork(git, a, b) : { from: a, to: b };
}

async function sinceFork(git: Git, a: string, b: string): Promise<{ from: string; to: string }> {
  const base = await git.text(["merge-base", a, b], { okCodes: [0, 1] });
  if (base !== "") return { from: base, to: b };
  throw new FlowError("FLOW_USAGE", `${a.slice(0, 9)} and ${b.slice(0, 9)} have no common history here`, {
    hint: "A..B compares the two as they are; in a shallow clone, git fetch --unshallow brings what they began with",
  });
}

async function commitOf(git: Git, name: string): Promise<string> {
  const found = name.startsWith("-")
    ? undefined
    : await git.run(["rev-parse", "--verify", "--quiet", `${name}^{commit}`], { okCodes: [0, 1, 128] });
  if (found?.exitCode === 0) return found.stdout.trim();
  throw new FlowError("FLOW_USAGE", `"${name}" names no commit here`, {
    hint: "for example: flow vendor review origin/main..origin/their-branch, after git fetch",
  });
}
