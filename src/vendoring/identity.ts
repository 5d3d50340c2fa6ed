import type { Git } from "../core/git/index.ts";

/** Variables for a `git commit` on a machine where git knows no identity; empty where it does. */
export async function identityEnvironment(git: Git): Promise<Record<string, string>> {
  const known = await git.run(["var", "GIT_COMMITTER_IDENT"], { okCodes: [0, 128] });
  if (known.exitCode === 0) return {};
  return {
    GIT_AUTHOR_NAME: "flow",
    GIT_AUTHOR_EMAIL: "flow@localhost",
    GIT_COMMITTER_NAME: "flow",
    GIT_COMMITTER_EMAIL: "flow@localhost",
  };
}
