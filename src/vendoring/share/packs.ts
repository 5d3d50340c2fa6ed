import { networkTimeoutMs } from "../../core/network-timeout.ts";
import { FlowError } from "../../core/errors.ts";
import { warn } from "../../core/events.ts";
import type { Git } from "../../core/git/index.ts";
import { presentCommits } from "../clone/objects.ts";
import { cloneState } from "../clone/state.ts";
import { lookUp } from "../trees.ts";
import { pushRefs } from "./push-refs.ts";
import type { SharedMirror } from "./remote.ts";

const defaultLimit = 1024 ** 3;
/** From how many bytes of upstream's history a push tells of it. */
const historyWarning = 100 * 1024 ** 2;

export interface PackOptions {
  /** Commits that the remote has. */
  there: readonly string[];
  /** Bytes that one pack may have, default 1 GB. */
  limit?: number;
  progress: (line: string) => void;
}

/**
 * Brings the objects of a push that is too large for one pack to the remote in several, by references of flow's own there. What
 * has arrived stays there, so that a push that is cut off goes on where it stopped. A push that fits is left alone.
 * @returns whether references were left there, for {@link dropAhead}
 */
export async function pushAhead(
  shared: SharedMirror,
  { there, limit = defaultLimit, progress }: PackOptions,
): Promise<boolean> {
  const { ctx, git } = shared;
  const here = await presentCommits(git, there);
  const known = there.filter((commit) => here.has(commit));
  const tips = await upstreamTips(git);
  const total = await bytesOf(shared, ["HEAD", ...tips.keys()], known);
  if (total > historyWarning) await warnOfHistory(shared, { total, known });
  if (total <= limit) return false;
  let group: string[] = [];
  let size = 0;
  const done = [...known];
  const flush = async () => {
    if (group.length === 0) return;
    const refspecs = group.map((commit) => `${commit}:refs/flow/pushing/${commit}`);
    const answer = await pushRefs(shared, { refspecs, progress });
    if (!answer.ok) {
      throw new FlowError("FLOW_VENDOR_REJECTED", "the remote did not take a part of the push", {
        cause: answer.text.trim(),
        hint: "what arrived is kept there: push again to go on",
      });
    }
    done.push(...group);
    [group, size] = [[], 0];
  };
  for (const commits of await portions(git, known, tips)) {
    ctx.signal.throwIfAborted();
    const bytes = await bytesOf(shared, commits, [...done, ...group]);
    if (bytes === 0) continue;
    if (size + bytes > limit) await flush();
    group.push(...commits);
    size += bytes;
  }
  await flush();
  return true;
}

/**
 * Takes back the references that kept the objects of a push at the remote until its branch did, those of an earlier one that
 * was cut off too. What is not in our history may be a push of somebody else's that is under way.
 */
export async function dropAhead(shared: SharedMirror, progress: (line: string) => void): Promise<void> {
  const { ctx, git, mirror } = shared;
  const listed = await git.text(["ls-remote", "--", mirror.remote, "refs/flow/pushing/*"], {
    idleTimeoutMs: networkTimeoutMs(ctx),
  });
  const left = listed
    .split("\n")
    .filter(Boolean)
    .map((line) => line.split("\t") as [string, string]);
  const here = await presentCommits(
    git,
    left.map(([commit]) => commit),
  );
  const refs = left.filter(([commit]) => here.has(commit)).map(([, ref]) => ref);
  if (refs.length > 0) await pushRefs(shared, { refspecs: refs.map((ref) => `:${ref}`), progress });
}

/**
 * A git source comes with its upstream's history, for `git subtree` by hand: `split` and `push` begin at the very commit, and
 * no server takes one whose parents it lacks.
 */
async function warnOfHistory(
  shared: SharedMirror,
  { total, known }: { total: number; known: readonly string[] },
): Promise<void> {
  const history = total - (await bytesOf(shared, ["HEAD"], known));
  if (history < historyWarning) return;
  warn(
    shared.ctx,
    `${Math.round(history / 1024 ** 2)} MB of this push are the history of git sources, which goes to refs/flow/upstream once: git subtree by hand needs it`,
  );
}

/** Commits that packages' squashes were made of, with their trees. */
async function upstreamTips(git: Git): Promise<Map<string, string>> {
  const listed = await git.text(["for-each-ref", "--format=%(objectname) %(tree)", "refs/flow/upstream"]);
  return new Map(
    listed
      .split("\n")
      .filter(Boolean)
      .map((line) => line.split(" ") as [string, string]),
  );
}

/**
 * What is pushed, oldest first, in the smallest parts: a commit of the branch goes with the upstream commits that its squash was
 * made of. They hold the same files, which git would send once more in another pack.
 */
async function portions(
  git: Git,
  known: readonly string[],
  tips: ReadonlyMap<string, string>,
): Promise<(readonly string[])[]> {
  const listed = await git.text(["rev-list", "--first-parent", "--parents", "--reverse", "HEAD", "--not", ...known]);
  const chain = listed
    .split("\n")
    .filter(Boolean)
    .map((line) => line.split(" "));
  const trees = await lookUp(
    git,
    chain.map(([commit, , squash]) => `${squash ?? commit}^{tree}`),
  );
  const left = new Map(tips);
  const parts = chain.map(([commit = ""], index) => {
    const own = [...left].filter(([, tree]) => tree === trees[index]).map(([tip]) => tip);
    for (const tip of own) left.delete(tip);
    return [commit, ...own];
  });
  return [...parts, ...[...left.keys()].map((tip) => [tip])];
}

/** What objects take on disk, near to what they take in a pack. */
async function bytesOf({ git }: SharedMirror, commits: readonly string[], without: readonly string[]): Promise<number> {
  const input = [...commits, ...without.map((commit) => `^${commit}`), ""].join("\n");
  // What a partial clone has from its remote, or left there, is no part of a push.
  const own = (await cloneState(git)).partial ? ["--exclude-promisor-objects"] : [];
  return Number(await git.text(["rev-list", "--disk-usage", "--objects", ...own, "--stdin"], { input }));
}
