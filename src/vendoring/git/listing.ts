import type { Git } from "../../core/git/index.ts";
import type { Incoming } from "../types.ts";

/** One entry of a commit's tree; a submodule has mode `160000` and no size. */
export interface ListedEntry {
  path: string;
  mode: string;
  hash: string;
  bytes: number | undefined;
}

/** What git sources on their way into the mirror hold, by prefix: one process a source. */
export type Listings = ReadonlyMap<string, readonly ListedEntry[]>;

export async function listSources(git: Git, incoming: readonly Incoming[]): Promise<Listings> {
  const listings = new Map<string, readonly ListedEntry[]>();
  for (const { prefix, content } of incoming) {
    if ("commit" in content) listings.set(prefix, await listTree(git, content.commit));
  }
  return listings;
}

async function listTree(git: Git, commit: string): Promise<ListedEntry[]> {
  const lines = await git.list(["ls-tree", "-r", "-l", "-z", "--full-tree", commit]);
  return lines.map((line) => {
    const tab = line.indexOf("\t");
    const [mode = "", , hash = "", size = ""] = line.slice(0, tab).split(/ +/);
    return { path: line.slice(tab + 1), mode, hash, bytes: size === "-" ? undefined : Number(size) };
  });
}
