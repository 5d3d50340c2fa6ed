import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { FlowContext } from "../core/context.ts";
import { FlowError, isFlowError } from "../core/errors.ts";
import { step } from "../core/events.ts";
import { removeTree } from "../core/files.ts";
import { Git, identityEnvironment } from "../core/git/index.ts";
import { formatJson } from "../core/json.ts";
import { refusePending } from "./conflict/state.ts";
import { mergeMaps } from "./merge-maps.ts";
import { mergeModFiles, mergeSumFiles } from "./go/merge.ts";
import { committedManifest, formatManifest, manifestFile, parseManifest } from "./manifest.ts";
import { openMirror, withMirrorLock } from "./mirror.ts";
import { publish } from "./publish.ts";
import type { Manifest, Mirror } from "./types.ts";

const idleTimeoutMs = 30_000;
const mostAttempts = 25;

export interface ShareResult {
  remote: string;
  branch: string;
  /** Head before: the remote's for a push (undefined when it had no such branch), the mirror's own for a sync. */
  from: string | undefined;
  head: string;
}

export interface ShareOptions {
  /** Tell what would go or come, and change nothing. */
  dryRun?: boolean;
}

/**
 * Publishes the mirror's commits and the upstream commits they were made of. When another was faster, theirs are
 * merged first and it is tried again.
 * @throws FlowError FLOW_VENDOR_REJECTED when the remote refuses, FLOW_VENDOR_CONFLICT when both changed the same lines
 */
export async function pushMirror(
  ctx: FlowContext,
  dir: string,
  { dryRun = false }: ShareOptions = {},
): Promise<ShareResult> {
  const { mirror, git, branch } = await prepare(ctx, dir);
  const from = await remoteHead(git, mirror, branch);
  if (dryRun) return { remote: mirror.remote as string, branch, from, head: await git.text(["rev-parse", "HEAD"]) };
  return await withMirrorLock(ctx, mirror.dir, "pushing the mirror", () =>
    step(ctx, { id: "vendor.push", title: "Pushing the mirror" }, async ({ progress }) => {
      for (let attempt = 1; ; attempt++) {
        const result = await git.run(
          [
            "push",
            "--porcelain",
            "--progress",
            mirror.remote as string,
            `HEAD:refs/heads/${branch}`,
            "refs/flow/upstream/*:refs/flow/upstream/*",
          ],
          {
            okCodes: [0, 1],
            idleTimeoutMs,
            onProgress: (line) => progress(line.trim()),
          },
        );
        if (result.exitCode === 0)
          return { remote: mirror.remote as string, branch, from, head: await git.text(["rev-parse", "HEAD"]) };
        const said = `${result.stdout}\n${result.stderr}`;
        if (
          !/\[rejected\]|fetch first|non-fast-forward|cannot lock ref|failed to update ref/.test(said) ||
          attempt >= mostAttempts
        )
          throw rejected(said);
        await takeTheirs(git, mirror, branch);
      }
    }),
  );
}

/** Brings the mirror up to date with its remote; commits of ours are merged with theirs. */
export async function syncMirror(
  ctx: FlowContext,
  dir: string,
  { dryRun = false }: ShareOptions = {},
): Promise<ShareResult> {
  const { mirror, git, branch } = await prepare(ctx, dir);
  if (dryRun) {
    const from = await git.text(["rev-parse", "HEAD"]);
    return { remote: mirror.remote as string, branch, from, head: (await remoteHead(git, mirror, branch)) ?? from };
  }
  return await withMirrorLock(ctx, mirror.dir, "bringing the mirror up to date", () =>
    step(ctx, { id: "vendor.sync", title: "Bringing the mirror up to date" }, async ({ result }) => {
      const from = await git.text(["rev-parse", "HEAD"]);
      await takeTheirs(git, mirror, branch);
      const head = await git.text(["rev-parse", "HEAD"]);
      result(head === from ? "nothing new" : `${from.slice(0, 9)} → ${head.slice(0, 9)}`);
      return { remote: mirror.remote as string, branch, from, head };
    }),
  );
}

export interface FetchedMirror {
  /** Its work tree, whose objects hold `commit`. */
  dir: string;
  /** What a sync would take: the remote's head, or ours when that is in it already. */
  commit: string;
  manifest: Manifest;
}

/**
 * What the mirror's remote has now, fetched and not taken: no branch moves and no file changes.
 * @throws FlowError FLOW_VENDOR_FETCH when it is out of reach
 */
export async function fetchMirror(ctx: FlowContext, dir: string): Promise<FetchedMirror> {
  const { mirror, git, branch } = await prepare(ctx, dir);
  const theirs = await fetchTheirs(git, mirror, branch);
  const ours = await git.text(["rev-parse", "HEAD"]);
  const commit = (await git.test(["merge-base", "--is-ancestor", theirs, ours])) ? ours : theirs;
  return { dir: mirror.dir, commit, manifest: await committedManifest(git, commit) };
}

async function prepare(ctx: FlowContext, dir: string): Promise<{ mirror: Mirror; git: Git; branch: string }> {
  const mirror = await openMirror(ctx, dir);
  const git = new Git(ctx, mirror.dir);
  await refusePending(git);
  if (mirror.remote === undefined)
    throw new FlowError("FLOW_VENDOR_REJECTED", `the mirror ${mirror.dir} has no remote`, {
      hint: `git -C ${mirror.dir} remote add origin URL`,
    });
  const branch = await git.text(["symbolic-ref", "--short", "HEAD"]);
  return { mirror, git, branch };
}

/** Commit of the branch at the remote; undefined when it has no such branch. */
async function remoteHead(git: Git, { remote }: Mirror, branch: string): Promise<string | undefined> {
  const listed = await git
    .run(["ls-remote", "--", remote as string, `refs/heads/${branch}`], { idleTimeoutMs })
    .catch((error: unknown) => {
      throw outOfReach(error);
    });
  return listed.stdout.split("\t")[0] || undefined;
}

function outOfReach(error: unknown): unknown {
  if (!isFlowError(error, "FLOW_GIT_FAILED")) return error;
  return new FlowError("FLOW_VENDOR_FETCH", "the mirror's remote is out of reach", {
    cause: error.cause,
    hint: "check the network and your access to it",
  });
}

function rejected(said: string): FlowError {
  const reason = said
    .split("\n")
    .filter((line) => /remote:|error:|fatal:|rejected|denied/.test(line))
    .join("\n");
  return new FlowError("FLOW_VENDOR_REJECTED", "the remote did not take the push", {
    cause: reason || said.trim(),
    hint: "nothing was lost: your commits are in the mirror here. Mend what it says and push again",
  });
}

/** Fetches the remote's branch and the upstream commits of its packages; gives the branch's head. */
async function fetchTheirs(git: Git, mirror: Mirror, branch: string): Promise<string> {
  const remote = mirror.remote as string;
  await git.run(["fetch", "--quiet", "--no-tags", remote, "+refs/flow/upstream/*:refs/flow/upstream/*"], {
    idleTimeoutMs,
    okCodes: [0, 1],
  });
  await git
    .run(["fetch", "--quiet", "--no-tags", remote, `+refs/heads/${branch}:refs/remotes/${remote}/${branch}`], {
      idleTimeoutMs,
    })
    .catch((error: unknown) => {
      throw outOfReach(error);
    });
  return await git.text(["rev-parse", `refs/remotes/${remote}/${branch}`]);
}

async function takeTheirs(git: Git, mirror: Mirror, branch: string): Promise<void> {
  const theirs = await fetchTheirs(git, mirror, branch);
  const ours = await git.text(["rev-parse", "HEAD"]);
  if (await git.test(["merge-base", "--is-ancestor", theirs, ours])) return;
  if (await git.test(["merge-base", "--is-ancestor", ours, theirs]))
    return await publish(git, { from: ours, to: theirs });
  await publish(git, { from: ours, to: await mergeCommit(git, ours, theirs) });
}

/** A merge of two heads of the mirror. Its own files are merged entry by entry, so that two people's additions never conflict. */
async function mergeCommit(git: Git, ours: string, theirs: string): Promise<string> {
  const merged = await git.run(["merge-tree", "--write-tree", "--name-only", "--no-messages", "-z", ours, theirs], {
    okCodes: [0, 1],
  });
  const [tree = "", ...listed] = merged.stdout.split("\0");
  const conflicts = merged.exitCode === 1 ? [...new Set(listed.filter(Boolean))] : [];
  const own = [manifestFile, "package.json", "package-lock.json", "go.mod", "go.sum"];
  const others = conflicts.filter((file) => !own.includes(file));
  if (others.length > 0) {
    throw new FlowError(
      "FLOW_VENDOR_CONFLICT",
      `yours and theirs changed the same files:\n${others.map((file) => `  ${file}`).join("\n")}`,
      {
        hint: `nothing was changed. Merge by hand: git -C ${git.dir} merge ${theirs}`,
        details: { files: others },
      },
    );
  }
  const base = await git.text(["merge-base", ours, theirs]);
  const index = await mkdtemp(join(tmpdir(), "flow-merge-"));
  try {
    const env = { GIT_INDEX_FILE: join(index, "index") };
    await git.run(["read-tree", tree.trim()], { env });
    for (const file of own) {
      const [before, mine, other] = await Promise.all(
        [base, ours, theirs].map((commit) => git.run(["show", `${commit}:${file}`], { okCodes: [0, 128] })),
      );
      if (mine?.exitCode !== 0 || other?.exitCode !== 0) continue;
      const text = mergeOwn(file, before?.exitCode === 0 ? before.stdout : "", {
        ours: mine.stdout,
        theirs: other.stdout,
      });
      const blob = await git.text(["hash-object", "-w", "--stdin"], { input: text });
      await git.run(["update-index", "--add", "--cacheinfo", `100644,${blob},${file}`], { env });
    }
    const final = await git.text(["write-tree"], { env });
    return await git.text(["commit-tree", final, "-p", ours, "-p", theirs, "-m", "Merge the mirror's remote"], {
      env: await identityEnvironment(git),
    });
  } finally {
    await removeTree(index);
  }
}

function mergeOwn(file: string, base: string, { ours, theirs }: { ours: string; theirs: string }): string {
  if (file === "go.mod") return mergeModFiles(base, ours, theirs);
  if (file === "go.sum") return mergeSumFiles(base, ours, theirs);
  const value = mergeMaps(base === "" ? {} : JSON.parse(base), JSON.parse(ours), JSON.parse(theirs));
  return file === manifestFile ? formatManifest(parseManifest(JSON.stringify(value))) : formatJson(value);
}
