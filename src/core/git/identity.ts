import type { Git } from "./git.ts";

const substitute = { NAME: "flow", EMAIL: "flow@localhost" };

/** Variables for a `git commit` on a machine where git knows no identity; empty where it does: a person's own wins. */
export async function identityEnvironment(git: Git): Promise<Record<string, string>> {
  const known = await git.run(["var", "GIT_COMMITTER_IDENT"], { okCodes: [0, 128] });
  if (known.exitCode === 0) return {};
  return Object.fromEntries(
    ["AUTHOR", "COMMITTER"].flatMap((role) =>
      Object.entries(substitute).map(([key, value]) => [`GIT_${role}_${key}`, value] as const),
    ),
  );
}
