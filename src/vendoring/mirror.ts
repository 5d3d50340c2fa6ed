import { existsSync } from "node:fs";
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { FlowContext } from "../core/context.ts";
import { FlowError } from "../core/errors.ts";
import { writeAtomic } from "../core/files.ts";
import { Git } from "../core/git/index.ts";
import { withLock } from "../core/lock.ts";
import { identityEnvironment } from "./identity.ts";
import { formatManifest, manifestFile, parseManifest } from "./manifest.ts";
import { recover } from "./publish.ts";
import { reconcile } from "./history.ts";
import type { Manifest, Mirror } from "./types.ts";

/** Bytes stay what upstream published, whatever a package's `.gitattributes` says. The clone's own file has the highest precedence. */
const attributes = "* -text -ident -filter !eol !working-tree-encoding !merge\n";

const emptyManifest: Manifest = { version: 1, prefixes: {} };

/**
 * Opens the mirror whose work tree `dir` lies in. In a plain repository the repository itself is the mirror.
 * Finishes what a killed command left, and takes over what was done by hand with `git subtree`.
 * @throws FlowError FLOW_VENDOR_NOT_A_MIRROR when there is no git repository
 */
export async function openMirror(ctx: FlowContext, dir: string): Promise<Mirror> {
  const found = existsSync(dir)
    ? await new Git(ctx, dir).run(["rev-parse", "--show-toplevel"], { okCodes: [0, 128] })
    : undefined;
  if (found === undefined || found.exitCode !== 0) {
    throw new FlowError("FLOW_VENDOR_NOT_A_MIRROR", `${dir} is no git repository`, {
      hint: "go to a workspace or a repository, or make one: git init",
    });
  }
  const top = found.stdout.replace(/\n$/, "");
  const git = new Git(ctx, top);
  await keepBytes(git);
  await recover(ctx, git);
  const remotes = (await git.text(["remote"])).split("\n").filter(Boolean);
  const committed = await git.run(["show", `HEAD:${manifestFile}`], { okCodes: [0, 128] });
  const manifest = committed.exitCode === 0 ? parseManifest(committed.stdout) : structuredClone(emptyManifest);
  const mirror: Mirror = { dir: top, remote: remotes.includes("origin") ? "origin" : remotes[0], manifest };
  await reconcile(git, mirror);
  return mirror;
}

/** Makes a new mirror with one commit; `remote` is where it is shared, a bare repository made when it is a path that is not there. */
export async function initMirror(ctx: FlowContext, { dir, remote }: { dir: string; remote?: string }): Promise<Mirror> {
  await mkdir(dir, { recursive: true });
  const git = new Git(ctx, dir);
  if (!existsSync(join(dir, ".git"))) await git.run(["init", "--quiet", "--initial-branch=main"]);
  await keepBytes(git);
  if (remote !== undefined) {
    if (remote.startsWith("/") && !existsSync(remote))
      await new Git(ctx, dir).run(["init", "--quiet", "--bare", "--initial-branch=main", remote]);
    const known = await git.run(["remote", "get-url", "origin"], { okCodes: [0, 2, 128] });
    if (known.exitCode !== 0) await git.run(["remote", "add", "origin", remote]);
  }
  if (!(await hasHead(git))) await firstCommit(ctx, git);
  return await openMirror(ctx, dir);
}

/** The commit that subtrees are added to. */
async function firstCommit(ctx: FlowContext, git: Git): Promise<void> {
  const seed = join(ctx.installation.root, manifestFile);
  const manifest = existsSync(seed) ? parseManifest(await readFile(seed, "utf8")) : emptyManifest;
  const files: Record<string, string> = {
    [manifestFile]: formatManifest(manifest),
    ".gitattributes":
      "# Everything here is vendored; forges leave it out of statistics and reviews.\n* linguist-vendored\n",
    "README.md":
      "# The mirror\n\nEvery third-party dependency of the team, each a git subtree of its own. `vendor-manifest.json` says where each comes from.\n\n`flow vendor add`, `update`, `status` and `push` work on it; so do `git subtree pull --squash`, `split` and `push` in a full clone.\n",
  };
  for (const [name, text] of Object.entries(files))
    if (!existsSync(join(git.dir, name))) await writeAtomic(join(git.dir, name), text);
  await git.run(["add", "--", ...Object.keys(files)]);
  await git.run(["commit", "--quiet", "--no-verify", "-m", "Start the mirror"], {
    env: await identityEnvironment(git),
  });
}

/** Clones a mirror. */
export async function cloneMirror(
  ctx: FlowContext,
  { dir, url, onProgress }: { dir: string; url: string; onProgress?: (line: string) => void },
): Promise<Mirror> {
  const parent = new Git(ctx, ctx.cwd);
  await parent.run(["clone", "--quiet", "--no-checkout", "--progress", "--", url, dir], {
    idleTimeoutMs: 30_000,
    ...(onProgress === undefined ? {} : { onProgress }),
  });
  const git = new Git(ctx, dir);
  await keepBytes(git);
  if (!(await hasHead(git))) await firstCommit(ctx, git);
  else await git.run(["checkout", "--quiet", "--force"]);
  await git.run(["fetch", "--quiet", "origin", "+refs/flow/upstream/*:refs/flow/upstream/*"], {
    idleTimeoutMs: 30_000,
  });
  return await openMirror(ctx, dir);
}

export async function hasHead(git: Git): Promise<boolean> {
  return (await git.run(["rev-parse", "--verify", "--quiet", "HEAD"], { okCodes: [0, 1, 128] })).exitCode === 0;
}

async function keepBytes(git: Git): Promise<void> {
  const path = await git.text(["rev-parse", "--path-format=absolute", "--git-path", "info/attributes"]);
  const current = await readFile(path, "utf8").catch(() => "");
  if (!current.includes(attributes)) await writeAtomic(path, current + attributes);
}

/** Runs `work` as the only flow that changes this mirror. */
export async function withMirrorLock<T>(
  ctx: FlowContext,
  dir: string,
  purpose: string,
  work: () => Promise<T>,
): Promise<T> {
  const gitDir = await new Git(ctx, dir).text(["rev-parse", "--path-format=absolute", "--git-common-dir"]);
  return await withLock(ctx, join(gitDir, "flow", "lock"), { purpose }, work);
}
