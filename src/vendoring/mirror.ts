import { existsSync } from "node:fs";
import { mkdir, readFile } from "node:fs/promises";
import { isAbsolute, join } from "node:path";
import type { FlowContext } from "../core/context.ts";
import { FlowError } from "../core/errors.ts";
import { writeNew } from "../core/files.ts";
import { Git, hasCommits, identityEnvironment, removeStaleLocks } from "../core/git/index.ts";
import { redact } from "../core/redact.ts";
import { withLock } from "../core/lock.ts";
import { sweepFetchingRefs } from "./git/fetching-refs.ts";
import { keepBytes } from "./bytes.ts";
import { reconcile } from "./history.ts";
import { committedManifest, formatManifest, manifestFile } from "./manifest.ts";
import { needsRecovery, recover } from "./recover.ts";
import type { Mirror } from "./types.ts";

/** Top of the work tree that `dir` lies in. @throws FlowError FLOW_VENDOR_NOT_A_MIRROR when there is none */
export async function locateMirror(ctx: FlowContext, dir: string): Promise<string> {
  const found = existsSync(dir)
    ? await new Git(ctx, dir).run(["rev-parse", "--show-toplevel"], { okCodes: [0, 128] })
    : undefined;
  if (found?.exitCode === 0) return found.stdout.replace(/\n$/, "");
  throw new FlowError("FLOW_VENDOR_NOT_A_MIRROR", `${dir} is no git repository with a work tree`, {
    hint: "go to a workspace or a repository, or make one: git init",
  });
}

/**
 * Opens the mirror whose work tree `dir` lies in. In a plain repository the repository itself is the mirror.
 * Finishes what a killed command left, and takes over what was done by hand with `git subtree`.
 * @throws FlowError FLOW_VENDOR_NOT_A_MIRROR, FLOW_VENDOR_BAD_MANIFEST
 */
export async function openMirror(ctx: FlowContext, dir: string): Promise<Mirror> {
  const top = await locateMirror(ctx, dir);
  const git = new Git(ctx, top);
  if (await needsRecovery(git)) await withMirrorLock(ctx, top, "recovering", () => recover(ctx, git));
  await sweepFetchingRefs(git);
  const remotes = (await git.text(["remote"])).split("\n").filter(Boolean);
  const head = await git.text(["rev-parse", "--verify", "--quiet", "HEAD"], { okCodes: [0, 1, 128] });
  const mirror: Mirror = {
    dir: top,
    remote: remotes.includes("origin") ? "origin" : remotes[0],
    head: head === "" ? undefined : head,
    manifest: head === "" ? { version: 1, prefixes: {} } : await committedManifest(git, head),
  };
  await reconcile(git, mirror);
  await keepBytes(git, mirror.manifest);
  return mirror;
}

/** What {@link initMirror} would do, a line each; nothing for a mirror that is there. */
export async function planMirror(
  ctx: FlowContext,
  { dir, remote }: { dir: string; remote?: string },
): Promise<string[]> {
  const there = existsSync(join(dir, ".git"));
  const git = new Git(ctx, dir);
  const known = there && (await git.run(["remote", "get-url", "origin"], { okCodes: [0, 2, 128] })).exitCode === 0;
  return [
    ...(there ? [] : [`make a git repository at ${dir}`]),
    ...(remote !== undefined && isAbsolute(remote) && !existsSync(remote)
      ? [`make a bare repository at ${remote}`]
      : []),
    ...(remote !== undefined && !known ? [`share it through ${redact(remote)}, as origin`] : []),
    ...(there && (await hasCommits(git)) ? [] : [`commit ${[manifestFile, ...Object.keys(topFiles)].join(", ")}`]),
  ];
}

/**
 * Makes a mirror at `dir`, or takes the one that is there. `remote` is where it is shared: any git URL; an absolute path
 * that does not exist becomes a bare repository.
 */
export async function initMirror(ctx: FlowContext, { dir, remote }: { dir: string; remote?: string }): Promise<Mirror> {
  await mkdir(dir, { recursive: true });
  const git = new Git(ctx, dir);
  if (!existsSync(join(dir, ".git"))) await git.run(["init", "--quiet", "--initial-branch=main"]);
  if (remote !== undefined) await connect(git, remote);
  if (!(await hasCommits(git))) await firstCommit(ctx, git);
  return await openMirror(ctx, dir);
}

async function connect(git: Git, remote: string): Promise<void> {
  if (isAbsolute(remote) && !existsSync(remote)) {
    await makeBareMirror(git, remote);
  }
  const known = await git.run(["remote", "get-url", "origin"], { okCodes: [0, 2, 128] });
  if (known.exitCode !== 0) await git.run(["remote", "add", "--", "origin", remote]);
}

/** It serves on a person's machine, and their own settings are not a server's. Clones may leave out what they do not need. */
const serverSettings: ReadonlyArray<readonly [string, string]> = [
  ["core.hooksPath", "hooks"],
  ["receive.fsckObjects", "false"],
  ["uploadpack.allowFilter", "true"],
  ["uploadpack.allowAnySHA1InWant", "true"],
];

/** A bare repository that serves as a mirror's remote. */
export async function makeBareMirror(git: Git, dir: string): Promise<void> {
  await git.run(["init", "--quiet", "--bare", "--initial-branch=main", "--", dir]);
  for (const [key, value] of serverSettings) await git.run(["--git-dir", dir, "config", key, value]);
}

/** What forges and people find at the top of a mirror. The attributes hold in clones that flow did not make. */
const topFiles: Readonly<Record<string, string>> = {
  ".gitattributes":
    "# Everything here is vendored: forges leave it out of statistics and reviews, and git changes no byte of it.\n* linguist-vendored -text -ident -filter\n",
  "README.md":
    "# The mirror\n\nEvery third-party dependency of the team, each a git subtree of its own. `vendor-manifest.json` says where each comes from.\n\n`flow vendor add`, `update`, `status` and `push` work on it; so do `git subtree pull --squash`, `split` and `push` in a full clone. What a package's squash was made of is fetched by\n`git fetch origin '+refs/flow/upstream/*:refs/flow/upstream/*'`.\n",
};

/** The commit that subtrees are added to. */
export async function firstCommit(ctx: FlowContext, git: Git): Promise<void> {
  const seed = join(ctx.installation.root, manifestFile);
  const manifest = existsSync(seed) ? await readFile(seed, "utf8") : formatManifest({ version: 1, prefixes: {} });
  const files = { [manifestFile]: manifest, ...topFiles };
  for (const [name, text] of Object.entries(files)) await writeNew(join(git.dir, name), text);
  await commitOnly(git, Object.keys(files), "Start the mirror");
}

/** First commit of a repository that has none: the manifest alone. What its owner has staged stays staged. */
export async function startPlain(git: Git): Promise<void> {
  await writeNew(join(git.dir, manifestFile), formatManifest({ version: 1, prefixes: {} }));
  await commitOnly(git, [manifestFile], "Start vendoring");
}

async function commitOnly(git: Git, paths: readonly string[], message: string): Promise<void> {
  await git.run(["add", "--force", "--", ...paths]);
  await git.run(["commit", "--quiet", "--no-verify", "--only", "-m", message, "--", ...paths], {
    env: await identityEnvironment(git),
  });
}

/** Runs `work` as the only flow that changes this mirror; others wait and are told for whom. */
export async function withMirrorLock<T>(
  ctx: FlowContext,
  dir: string,
  purpose: string,
  work: () => Promise<T>,
): Promise<T> {
  const git = new Git(ctx, dir);
  const gitDir = await git.text(["rev-parse", "--path-format=absolute", "--git-common-dir"]);
  return await withLock(ctx, join(gitDir, "flow", "lock"), { purpose }, async () => {
    await removeStaleLocks(ctx, git);
    return await work();
  });
}
