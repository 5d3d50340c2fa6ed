import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { FlowContext } from "../../core/context.ts";
import { FlowError } from "../../core/errors.ts";
import { stageDirectory } from "../../core/files.ts";
import { layOut } from "../../core/templates.ts";

/** Prefix of the example's git package in the mirror. */
export const exampleGitPrefix = "example.com/acme-labs/money";

/**
 * Makes the upstream of the example's git package: a repository at `dir` with one release, tagged v1.0.0.
 * Always the same commit. Complete or absent; one that is there stays.
 * @returns the source to vendor, for prefix {@link exampleGitPrefix}
 */
export async function createExampleUpstream(ctx: FlowContext, dir: string): Promise<{ url: string; ref: string }> {
  if (!existsSync(dir)) {
    await stageDirectory(dir, async (staging) => {
      const { Git } = await import("../../core/git/index.ts");
      const git = new Git(ctx, staging);
      await layOut(ctx, "shop/money/library", { dir: staging, values: {} });
      const who = { name: "acme-labs", email: "money@acme-labs.example.com", date: "2024-01-15T10:00:00Z" };
      const env = {
        GIT_AUTHOR_NAME: who.name,
        GIT_AUTHOR_EMAIL: who.email,
        GIT_AUTHOR_DATE: who.date,
        GIT_COMMITTER_NAME: who.name,
        GIT_COMMITTER_EMAIL: who.email,
        GIT_COMMITTER_DATE: who.date,
      };
      await git.run(["init", "--quiet"]);
      await git.run(["add", "--all"]);
      await git.run(["commit", "--quiet", "--message", "money 1.0.0"], { env });
      await git.run(["tag", "v1.0.0"]);
    });
  }
  return { url: dir, ref: "v1.0.0" };
}

/**
 * Patches the example's git package in the mirror, as a person would: an ordinary commit below its prefix.
 * @param mirror directory of the mirror's checkout
 * @returns whether it made a commit; false when the patch is committed already
 */
export async function applyExamplePatch(
  ctx: FlowContext,
  mirror: string,
  prefix: string = exampleGitPrefix,
): Promise<boolean> {
  const { Git, identityEnvironment } = await import("../../core/git/index.ts");
  const git = new Git(ctx, mirror);
  const patch = await readFile(join(ctx.installation.root, "templates", "shop", "money", "currency-digits.patch"));
  const apply = ["apply", "--whitespace=nowarn", `--directory=${prefix}`];
  if ((await readdir(join(mirror, prefix)).catch(() => [])).length === 0) {
    throw new FlowError("FLOW_SCAFFOLD_REFUSED", `${prefix} is not in the mirror ${mirror}`, {
      hint: "add it first: flow vendor add",
    });
  }
  const applied = await git.run([...apply, "--check", "--reverse", "-"], { input: patch, okCodes: [0, 1, 128] });
  if (applied.exitCode !== 0) await git.run([...apply, "--index", "-"], { input: patch });
  // An earlier run may have been ended between applying and committing.
  if (await git.test(["diff", "--cached", "--quiet", "--", prefix])) return false;
  const message =
    "money: take a currency's digits from the standard\n\nYen and won have no cents; 1980 JPY was written as 19.80 JPY.\n";
  await git.run(["commit", "--quiet", "--message", message, "--", prefix], { env: await identityEnvironment(git) });
  return true;
}
