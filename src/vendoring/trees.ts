import type { Git } from "../core/git/index.ts";

/** Hashes of the objects that `names` (`HEAD:path`, `commit^{tree}`) stand for, by one process; undefined for what is not there. */
export async function lookUp(git: Git, names: readonly string[]): Promise<(string | undefined)[]> {
  if (names.length === 0) return [];
  const output = await git.text(["cat-file", "--batch-check=%(objectname)"], { input: batch(names) });
  return output.split("\n").map((line) => (/^[0-9a-f]{40,64}$/.test(line) ? line : undefined));
}

/** Lines for `cat-file --batch`; nothing that flow asks for has a newline in its name, and so stands for nothing. */
function batch(names: readonly string[]): string {
  return names.map((name) => `${name.includes("\n") ? "" : name}\n`).join("");
}

/** A text file as a commit has it; undefined when it has none. */
export async function topFile(git: Git, path: string, commit: string | undefined): Promise<string | undefined> {
  if (commit === undefined) return undefined;
  const result = await git.run(["show", `${commit}:${path}`], { okCodes: [0, 128] });
  return result.exitCode === 0 ? result.stdout : undefined;
}

/**
 * Trees that directories have in a commit; one that is not there is not in the map. To look many of them up one by one
 * would read the large directories above them each time.
 */
export async function treesIn(git: Git, commit: string, directories: readonly string[]): Promise<Map<string, string>> {
  if (directories.length < 100) {
    const found = await lookUp(
      git,
      directories.map((directory) => `${commit}:${directory}`),
    );
    return new Map(directories.flatMap((path, at) => (found[at] === undefined ? [] : [[path, found[at]] as const])));
  }
  const wanted = new Set(directories);
  const listed = await git.list(["ls-tree", "-r", "-d", "-z", commit]);
  const trees = new Map<string, string>();
  for (const line of listed) {
    const tab = line.indexOf("\t");
    const path = line.slice(tab + 1);
    if (wanted.has(path)) trees.set(path, line.slice(line.lastIndexOf(" ", tab) + 1, tab));
  }
  return trees;
}

/** For prefixes in which others lie: which. */
export function nestedPrefixes(all: readonly string[]): Map<string, string[]> {
  const known = new Set(all);
  const nested = new Map<string, string[]>();
  for (const prefix of all) {
    for (let at = prefix.lastIndexOf("/"); at > 0; at = prefix.lastIndexOf("/", at - 1)) {
      const outer = prefix.slice(0, at);
      if (known.has(outer)) nested.set(outer, [...(nested.get(outer) ?? []), prefix]);
    }
  }
  return nested;
}

/** Prefixes that lie below `prefix`. */
export function nestedIn(prefix: string, all: readonly string[]): string[] {
  return all.filter((other) => other.startsWith(`${prefix}/`));
}

export interface PrefixAt {
  commit: string;
  prefix: string;
  /** Upstream's. */
  tree: string;
  nested: readonly string[];
  /** Whether files of upstream's that are not there count. Default true. */
  withDeleted?: boolean;
}

/** Paths below `prefix` that `commit` has otherwise than the upstream tree; prefixes nested in it are their own matter. */
export async function patchedPaths(
  git: Git,
  { commit, prefix, tree, nested, withDeleted = true }: PrefixAt,
): Promise<string[]> {
  const filter = withDeleted ? [] : ["--diff-filter=d"];
  const trees = [tree, `${commit}:${prefix}`];
  const paths = await git.list(["diff-tree", "-r", "-z", "--name-only", "--no-renames", ...filter, ...trees]);
  return paths.filter((path) => !nested.some((other) => `${prefix}/${path}`.startsWith(`${other}/`)));
}

export interface PathState {
  mode: string;
  hash: string;
}

/** Every path in which two commits differ, with what each has there. */
export async function changedPaths(
  git: Git,
  from: string,
  to: string,
): Promise<Map<string, { before: PathState | undefined; after: PathState | undefined }>> {
  const fields = await git.list(["diff-tree", "-r", "-z", "--no-renames", from, to]);
  const paths = new Map<string, { before: PathState | undefined; after: PathState | undefined }>();
  for (let index = 0; index + 1 < fields.length; index += 2) {
    const [oldMode = "", newMode = "", oldHash = "", newHash = ""] = (fields[index] as string).slice(1).split(" ");
    const state = (mode: string, hash: string) => (mode === "000000" ? undefined : { mode, hash });
    paths.set(fields[index + 1] as string, { before: state(oldMode, oldHash), after: state(newMode, newHash) });
  }
  return paths;
}

/** Contents of the objects that `names` stand for, by one process; undefined for what is not there. */
export async function readObjects(git: Git, names: readonly string[]): Promise<(Buffer | undefined)[]> {
  if (names.length === 0) return [];
  const output = await git.bytes(["cat-file", "--batch"], { input: batch(names) });
  let at = 0;
  return names.map(() => {
    const end = output.indexOf("\n", at);
    const size = /^[0-9a-f]{40,64} \w+ (\d+)$/.exec(output.toString("utf8", at, end))?.[1];
    if (size === undefined) {
      at = end + 1;
      return undefined;
    }
    const start = end + 1;
    at = start + Number(size) + 1;
    return output.subarray(start, start + Number(size));
  });
}
