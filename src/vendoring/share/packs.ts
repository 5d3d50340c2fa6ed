import { FlowError } from "../../core/errors.ts";
import { pushRefs } from "./push-refs.ts";
import type { SharedMirror } from "./remote.ts";

const defaultLimit = 1024 ** 3;

export interface PackOptions {
  /** Head of the branch at the remote; undefined when it has none. */
  from: string | undefined;
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
  { from, limit = defaultLimit, progress }: PackOptions,
): Promise<boolean> {
  const { ctx, git } = shared;
  const known = from !== undefined && (await isHere(shared, from)) ? [from] : [];
  const upstream = await git.text(["for-each-ref", "--format=%(objectname)", "refs/flow/upstream"]);
  const tips = [...new Set(upstream.split("\n").filter(Boolean))];
  if ((await bytesOf(shared, ["HEAD", ...tips], known)) <= limit) return false;
  const chain = (
    await git.text(["rev-list", "--first-parent", "--reverse", "HEAD", ...known.map((commit) => `^${commit}`)])
  )
    .split("\n")
    .filter(Boolean);
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
  for (const commit of [...chain, ...tips]) {
    ctx.signal.throwIfAborted();
    const bytes = await bytesOf(shared, [commit], [...done, ...group]);
    if (bytes === 0) continue;
    if (size + bytes > limit) await flush();
    group.push(commit);
    size += bytes;
  }
  await flush();
  return true;
}

/** Takes back the references that kept the objects of a push at the remote until its branch did. */
export async function dropAhead(shared: SharedMirror, progress: (line: string) => void): Promise<void> {
  const { git, mirror } = shared;
  const listed = await git.text(["ls-remote", "--", mirror.remote, "refs/flow/pushing/*"]);
  const refs = listed.split("\n").flatMap((line) => line.split("\t").slice(1));
  if (refs.length > 0) await pushRefs(shared, { refspecs: refs.map((ref) => `:${ref}`), progress });
}

async function isHere({ git }: SharedMirror, commit: string): Promise<boolean> {
  return (await git.run(["cat-file", "-e", `${commit}^{commit}`], { okCodes: [0, 1, 128] })).exitCode === 0;
}

/** What objects take on disk, near to what they take in a pack. */
async function bytesOf({ git }: SharedMirror, commits: readonly string[], without: readonly string[]): Promise<number> {
  const input = [...commits, ...without.map((commit) => `^${commit}`), ""].join("\n");
  return Number(await git.text(["rev-list", "--disk-usage", "--objects", "--stdin"], { input }));
}
