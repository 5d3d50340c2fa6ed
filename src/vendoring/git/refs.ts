import { FlowError } from "../../core/errors.ts";
import type { Git } from "../../core/git/index.ts";

export interface FoundRef {
  /** What is fetched: a full reference name, or a commit. */
  name: string;
  /** Commit that the remote says it stands for; undefined when only fetching tells. */
  commit: string | undefined;
}

const fullHash = /^[0-9a-f]{40}([0-9a-f]{24})?$/;

/**
 * Which reference of a remote `ref` means: a tag before a branch, as git's own rules have it; without a ref its default branch.
 * @throws FlowError FLOW_VENDOR_FETCH when there is none, naming the newest tags
 */
export async function findRef(
  git: Git,
  url: string,
  { ref, idleTimeoutMs }: { ref: string | undefined; idleTimeoutMs: number },
): Promise<FoundRef> {
  if (ref !== undefined && fullHash.test(ref)) return { name: ref, commit: undefined };
  const listed = await git.run(["ls-remote", "--symref", "--", url], { idleTimeoutMs });
  const refs = new Map<string, string>();
  let head: string | undefined;
  for (const line of listed.stdout.split("\n")) {
    const [left = "", right = ""] = line.split("\t");
    if (left.startsWith("ref: ") && right === "HEAD") head = left.slice("ref: ".length);
    else if (right !== "") refs.set(right, left);
  }
  if (ref === undefined) {
    const name = head ?? "HEAD";
    if (!refs.has(name)) throw new FlowError("FLOW_VENDOR_FETCH", `${url} has no commit yet`);
    return { name, commit: refs.get(name) };
  }
  for (const name of [`refs/tags/${ref}`, `refs/heads/${ref}`, ref]) {
    const commit = refs.get(`${name}^{}`) ?? refs.get(name);
    if (commit !== undefined) return { name, commit };
  }
  if (/^[0-9a-f]{7,39}$/.test(ref)) {
    const commit = [...refs.values()].find((value) => value.startsWith(ref));
    if (commit !== undefined) return { name: commit, commit };
  }
  throw new FlowError("FLOW_VENDOR_FETCH", `${url} has no branch, tag or commit "${ref}"`, { hint: suggestion(refs) });
}

function suggestion(refs: ReadonlyMap<string, string>): string {
  const tags = [...refs.keys()]
    .filter((name) => name.startsWith("refs/tags/") && !name.endsWith("^{}"))
    .map((name) => name.slice("refs/tags/".length));
  const newest = tags.toSorted(new Intl.Collator("en", { numeric: true }).compare).slice(-8);
  return newest.length > 0
    ? `its newest tags: ${newest.join(", ")}; a commit needs its full hash`
    : "a commit needs its full hash";
}
