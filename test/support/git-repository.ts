import { execa } from "execa";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";

/** Environment of a person's git in tests: nothing of this machine's configuration, a fixed identity. */
export const personalGit: Record<string, string> = {
  PATH: process.env.PATH ?? "",
  HOME: "/nonexistent",
  LC_ALL: "C",
  GIT_CONFIG_NOSYSTEM: "1",
  GIT_CONFIG_GLOBAL: "/dev/null",
  GIT_AUTHOR_NAME: "Ada",
  GIT_AUTHOR_EMAIL: "ada@example.com",
  GIT_COMMITTER_NAME: "Ada",
  GIT_COMMITTER_EMAIL: "ada@example.com",
  GIT_TERMINAL_PROMPT: "0",
};

/** Runs git by hand, as a person does, and gives its standard output. Fails with what git said. */
export async function git(dir: string, args: readonly string[], env: Record<string, string> = {}): Promise<string> {
  const { stdout } = await execa("git", [...args], { cwd: dir, env: { ...personalGit, ...env }, extendEnv: false });
  return stdout;
}

/** Files by path; null takes one away. */
export type Files = Readonly<Record<string, string | Uint8Array | null>>;

export async function writeFiles(dir: string, files: Files): Promise<void> {
  for (const [path, content] of Object.entries(files)) {
    const target = join(dir, path);
    await mkdir(dirname(target), { recursive: true });
    if (content === null) await rm(target);
    else await writeFile(target, content);
  }
}

/** Commits exactly what `files` says on top of what is there; gives the commit. */
export async function commitFiles(dir: string, files: Files, message = "Change"): Promise<string> {
  await writeFiles(dir, files);
  await git(dir, ["add", "--all", "--force", "--", ...Object.keys(files)]);
  await git(dir, ["commit", "--quiet", "--allow-empty", "--message", message]);
  return await git(dir, ["rev-parse", "HEAD"]);
}

/** A repository at `dir` with one commit. */
export async function makeRepository(dir: string, files: Files = { "README.md": "# upstream\n" }): Promise<string> {
  await mkdir(dir, { recursive: true });
  await git(dir, ["init", "--quiet", "--initial-branch=main"]);
  await git(dir, ["config", "uploadpack.allowAnySHA1InWant", "true"]);
  return await commitFiles(dir, files, "Begin");
}
