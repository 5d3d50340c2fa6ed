import { join } from "node:path";
import type { FlowContext } from "../../core/context.ts";
import { FlowError } from "../../core/errors.ts";
import { warn } from "../../core/events.ts";
import { writeAtomic } from "../../core/files.ts";
import { Git } from "../../core/git/index.ts";
import { bringDirectories } from "../clone/bring.ts";
import { isShallow } from "../clone/state.ts";
import { openMirror } from "../mirror.ts";
import { findPrefix } from "../find-prefix.ts";
import { patchSeries } from "./series.ts";

export interface Patch {
  /** As `git format-patch` names it: `0001-Say-hello.patch`. */
  name: string;
  subject: string;
  author: string;
  /** A mail with the patch, for `git am` in a clone of upstream; bytes that are no UTF-8 survive in it (core/bytes.ts). */
  text: string;
}

export interface PatchesResult {
  prefix: string;
  /** Upstream commit that the series applies to. */
  commit: string;
  patches: Patch[];
  /** Where they were written; undefined when they were not. */
  files?: string[];
}

/**
 * The patches of ours below a prefix as a series that `git am` takes in a clone of upstream. Needs no network, except for
 * a prefix that a sparse clone has not checked out: it is then. A shallow clone knows no single patches: they come as one.
 */
export async function exportPatches(
  ctx: FlowContext,
  dir: string,
  { name, output }: { name: string; output?: string },
): Promise<PatchesResult> {
  const mirror = await openMirror(ctx, dir);
  const git = new Git(ctx, mirror.dir);
  const prefix = findPrefix(mirror, name);
  const { commit } = mirror.manifest.prefixes[prefix] as (typeof mirror.manifest.prefixes)[string];
  await bringDirectories(ctx, mirror, [prefix]);
  if (await isShallow(git))
    warn(ctx, `this clone lacks the history that tells patches apart: flow vendor unshallow ${prefix} brings it`);
  const { base, tip } = await patchSeries(git, mirror, prefix);
  const patches = base === tip ? [] : await mails(git, `${base}..${tip}`);
  if (output === undefined) return { prefix, commit, patches };
  const files = patches.map((patch) => join(output, patch.name));
  for (const [index, { text }] of patches.entries()) await writeAtomic(files[index] as string, text);
  return { prefix, commit, patches, files };
}

async function mails(git: Git, range: string): Promise<Patch[]> {
  const commits = (await git.text(["rev-list", "--reverse", range])).split("\n");
  const patches: Patch[] = [];
  for (const [index, commit] of commits.entries()) {
    const options = ["--stdout", "--binary", "--full-index", "--no-signature", "--no-renames", "--zero-commit"];
    // A person's format.* settings would make other mails of them.
    const plain = [
      "--no-attach",
      "--no-cover-letter",
      "--no-thread",
      "--no-base",
      "--no-to",
      "--no-cc",
      "--no-add-header",
    ];
    const number = [`--start-number=${index + 1}`, "-1"];
    const { stdout: text } = await git.run(["format-patch", ...options, ...plain, ...number, commit]);
    if (text === "") throw new FlowError("FLOW_GIT_FAILED", `git made no patch of ${commit}`);
    const [subject = "", author = ""] = (await git.text(["log", "-1", "--format=%f%x00%an <%ae>", commit])).split("\0");
    patches.push({
      name: `${String(index + 1).padStart(4, "0")}-${subject.slice(0, 52)}.patch`,
      subject: await git.text(["log", "-1", "--format=%s", commit]),
      author,
      text,
    });
  }
  return patches;
}
