import type { Git } from "../core/git/index.ts";
import { importing, type CommitIdentity, type Imported } from "./importer.ts";
import { packageMessage, squashMessage, squashUpdateMessage, upstreamRef } from "./messages.ts";
import { packageNameOf } from "./sources.ts";
import type { Incoming, Mirror, PrefixEntry } from "./types.ts";

/** An upstream state as git subtree keeps it, not merged yet. */
export interface Squashed {
  incoming: Incoming;
  upstream: Imported;
  squash: string;
  /** What the prefix held before; undefined for a new one. */
  previous: PrefixEntry | undefined;
}

/** Upstream commits of packages, then the squash of everything: two processes for any number of prefixes. */
export async function squashAll(
  git: Git,
  { manifest }: Mirror,
  { incoming, by }: { incoming: readonly Incoming[]; by: CommitIdentity },
): Promise<Squashed[]> {
  if (incoming.length === 0) return [];
  const upstreams = await upstreamCommits(git, incoming);
  const items = incoming.map((item, index) => ({
    incoming: item,
    upstream: upstreams[index] as Imported,
    previous: manifest.prefixes[item.prefix],
  }));
  const shorts = await abbreviate(
    git,
    items.flatMap(({ upstream, previous }) => [upstream.commit, ...(previous === undefined ? [] : [previous.commit])]),
  );
  const messages = new Map<string, string>();
  for (const item of items) messages.set(item.incoming.prefix, await messageOf(git, item, shorts));
  const ref = "refs/flow/import/squash";
  const squashes = await importing(git, async (importer) => {
    const made: string[] = [];
    for (const {
      incoming: { prefix },
      upstream,
      previous,
    } of items) {
      const message = messages.get(prefix) as string;
      const parent = previous === undefined ? {} : { parent: previous.squash };
      made.push(await importer.treeCommit(ref, { tree: upstream.tree, message, by, ...parent }));
    }
    return made;
  });
  await git.run(["update-ref", "-d", ref]);
  return items.map((item, index) => ({ ...item, squash: squashes[index] as string }));
}

/** The commits that packages become, each kept by a reference; those of git sources are there already. */
export async function upstreamCommits(git: Git, incoming: readonly Incoming[]): Promise<Imported[]> {
  return await importing(git, async (importer) => {
    const made: Imported[] = [];
    for (const { prefix, content, subject, source, integrity = "", version = "" } of incoming) {
      if ("files" in content) {
        const message = packageMessage({ subject, source, integrity });
        made.push(await importer.upstreamCommit(upstreamRef(prefix, version), content.files, message));
      } else {
        made.push(content);
      }
    }
    return made;
  });
}

async function abbreviate(git: Git, commits: readonly string[]): Promise<Map<string, string>> {
  const unique = [...new Set(commits)];
  const found = await git.run(["rev-parse", "--short", ...unique], { okCodes: [0, 128] });
  const shorts = found.exitCode === 0 ? found.stdout.trim().split("\n") : [];
  // An upstream commit that this clone lacks is shortened as git shortens one that nothing resembles.
  return new Map(unique.map((commit, index) => [commit, shorts[index] ?? commit.slice(0, 7)]));
}

type Unsquashed = Omit<Squashed, "squash">;

async function messageOf(git: Git, item: Unsquashed, shorts: ReadonlyMap<string, string>): Promise<string> {
  const { incoming, upstream, previous } = item;
  const to = { commit: upstream.commit, short: shorts.get(upstream.commit) as string };
  if (previous === undefined) return squashMessage(incoming.prefix, to);
  const from = { short: shorts.get(previous.commit) as string };
  return squashUpdateMessage(incoming.prefix, { from, to, ...(await logOf(git, item, { from, to })) });
}

/** What `git log old..new` and `new..old` say. Commits made of tarballs have no history: each side is the commit itself. */
async function logOf(
  git: Git,
  { incoming, upstream, previous }: Unsquashed,
  { from, to }: { from: { short: string }; to: { short: string } },
): Promise<{ log: string[]; reverted: string[] }> {
  if (previous === undefined || previous.commit === upstream.commit) return { log: [], reverted: [] };
  if ("files" in incoming.content) {
    const before = `${packageNameOf(previous)} ${previous.version ?? previous.ref}`;
    return { log: [`${to.short} ${incoming.subject}`], reverted: [`${from.short} ${before}`] };
  }
  const range = async (commits: string) => {
    const result = await git.run(["log", "--pretty=tformat:%h %s", commits], { okCodes: [0, 128] });
    return result.exitCode === 0 ? result.stdout.split("\n").filter(Boolean) : [];
  };
  return {
    log: await range(`${previous.commit}..${upstream.commit}`),
    reverted: await range(`${upstream.commit}..${previous.commit}`),
  };
}
