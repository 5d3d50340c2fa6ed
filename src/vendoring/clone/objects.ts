import type { FlowContext } from "../../core/context.ts";
import { FlowError, isFlowError } from "../../core/errors.ts";
import type { Git } from "../../core/git/index.ts";
import { networkTimeoutMs } from "../../core/network-timeout.ts";
import { cloneState } from "./state.ts";

/** Objects that one request asks for: what arrived is kept when a later one is cut off. */
const perRequest = 2_000;

export interface BringOptions {
  remote: string;
  /** Hears how many objects of how many are here. */
  onProgress?: (done: number, total: number) => void;
  /** Takes commits without their ancestors. Default false. */
  shallow?: boolean;
}

/**
 * Fetches objects by their hashes, those that are here already left out, in requests of a few thousand.
 * @throws FlowError FLOW_VENDOR_FETCH; run again, it goes on
 */
export async function bringObjects(
  ctx: FlowContext,
  git: Git,
  hashes: Iterable<string>,
  { remote, onProgress, shallow = false }: BringOptions,
): Promise<number> {
  const here = await presentObjects(git);
  const missing = [...new Set(hashes)].filter((hash) => !here.has(hash));
  const filter = missing.length > 0 && (await cloneState(git)).partial ? ["--filter=blob:none"] : [];
  for (let at = 0; at < missing.length; at += perRequest) {
    onProgress?.(at, missing.length);
    const wanted = missing.slice(at, at + perRequest);
    await git
      .run(
        [
          "-c",
          "fetch.negotiationAlgorithm=noop",
          "-c",
          "fetch.unpackLimit=1",
          "fetch",
          "--quiet",
          "--no-tags",
          "--no-prune",
          "--no-write-fetch-head",
          "--recurse-submodules=no",
          ...filter,
          "--progress",
          ...(shallow ? ["--depth=1"] : []),
          "--stdin",
          remote,
        ],
        { input: wanted.map((hash) => `${hash}\n`).join(""), idleTimeoutMs: networkTimeoutMs(ctx) },
      )
      .catch((error: unknown) => {
        throw outOfReach(error);
      });
  }
  return missing.length;
}

/** Whether a server gives only what its references name: git's older protocol, without `uploadpack.allowAnySHA1InWant`. */
export function isUnadvertised(error: unknown): boolean {
  return isFlowError(error, "FLOW_VENDOR_FETCH") && /unadvertised object/.test(String(error.cause));
}

/** What a failed fetch out of the mirror's remote is told as. */
export function outOfReach(error: unknown): unknown {
  if (!isFlowError(error) || !["FLOW_GIT_FAILED", "FLOW_TIMEOUT"].includes(error.code)) return error;
  return new FlowError("FLOW_VENDOR_FETCH", "what is needed of the mirror could not be fetched from its remote", {
    cause: error.code === "FLOW_TIMEOUT" ? error : error.cause,
    hint: "check the network and your access to it, and run the command again: what arrived is kept",
  });
}

/** Hashes of all objects in the clone. In a partial clone, to ask git for one that is not here would fetch it. */
export async function presentObjects(git: Git): Promise<Set<string>> {
  const listed = await git.bytes([
    "cat-file",
    "--batch-all-objects",
    "--unordered",
    "--buffer",
    "--batch-check=%(objectname)",
  ]);
  return new Set(listed.toString("latin1").split("\n").filter(Boolean));
}

/** Those of some commits that are in the clone; fetches nothing. */
export async function presentCommits(git: Git, commits: readonly string[]): Promise<Set<string>> {
  if (commits.length === 0) return new Set();
  // `--missing` keeps a partial clone from fetching, and `--ignore-missing` passes over what is named and not here.
  const listed = await git.text(["rev-list", "--no-walk", "--missing=allow-any", "--ignore-missing", "--stdin"], {
    input: commits.map((commit) => `${commit}\n`).join(""),
  });
  return new Set(listed.split("\n").filter(Boolean));
}

/** Hashes of the files that trees (`HEAD`, `HEAD:path`) hold, below `paths` or everywhere; submodules left out. */
export async function blobsOf(git: Git, tree: string, paths: readonly string[] = []): Promise<string[]> {
  const hashes: string[] = [];
  for (let at = 0; at === 0 || at < paths.length; at += 500) {
    const listed = await git.list([
      "--literal-pathspecs",
      "ls-tree",
      "-r",
      "-z",
      "--format=%(objecttype) %(objectname)",
      tree,
      "--",
      ...paths.slice(at, at + 500),
    ]);
    for (const line of listed) if (line.startsWith("blob ")) hashes.push(line.slice(5));
  }
  return hashes;
}
