import type { Git } from "../../core/git/index.ts";

/** A commit with another tree and other parents; who made it, when, and its message stay. */
export async function copyCommit(
  git: Git,
  { commit, tree, parents }: { commit: string; tree: string; parents: readonly string[] },
): Promise<string> {
  const fields = ["%an", "%ae", "%aD", "%cn", "%ce", "%cD", "%B"].join("%n");
  const shown = (await git.run(["log", "-1", "--no-show-signature", `--pretty=format:${fields}`, commit])).stdout;
  const [name = "", mail = "", date = "", committer = "", committerMail = "", committed = "", ...message] =
    shown.split("\n");
  return await git.text(["commit-tree", tree, ...parents.flatMap((parent) => ["-p", parent])], {
    input: message.join("\n"),
    env: {
      GIT_AUTHOR_NAME: name,
      GIT_AUTHOR_EMAIL: mail,
      GIT_AUTHOR_DATE: date,
      GIT_COMMITTER_NAME: committer,
      GIT_COMMITTER_EMAIL: committerMail,
      GIT_COMMITTER_DATE: committed,
    },
  });
}
