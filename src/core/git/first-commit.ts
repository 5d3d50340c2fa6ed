import { existsSync } from "node:fs";
import { join } from "node:path";
import type { FlowContext } from "../context.ts";
import { Git } from "./git.ts";
import { identityEnvironment } from "./identity.ts";
import { porcelain } from "./porcelain.ts";
import { hasCommits } from "./clone.ts";
import { removeStaleLocks } from "./stale-locks.ts";

/** Makes `dir` a repository whose first commit holds everything in it; one that has commits is left alone. */
export async function firstCommit(ctx: FlowContext, dir: string, message: string): Promise<void> {
  const git = new Git(ctx, dir);
  if (!existsSync(join(dir, ".git", "HEAD"))) await porcelain(ctx, dir).init(["--initial-branch=main"]);
  else await removeStaleLocks(ctx, git);
  const repository = porcelain(ctx, dir, await identityEnvironment(git));
  await repository.add(["--all"]);
  if (!(await hasCommits(git))) await repository.commit(message, ["--no-verify"]);
}
