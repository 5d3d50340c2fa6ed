/** Commit messages exactly as `git subtree` (git 2.39, contrib/subtree/git-subtree.sh) writes them. */

export function squashMessage(prefix: string, { commit, short }: { commit: string; short: string }): string {
  return `Squashed '${prefix}/' content from commit ${short}\n\n${trailers(prefix, commit)}`;
}

export interface SquashUpdate {
  from: { short: string };
  to: { commit: string; short: string };
  /** `<abbreviated> <subject>` of what came, newest first, and of what went. */
  log: readonly string[];
  reverted: readonly string[];
}

export function squashUpdateMessage(prefix: string, { from, to, log, reverted }: SquashUpdate): string {
  const lines = [...log, ...reverted.map((line) => `REVERT: ${line}`)];
  return `Squashed '${prefix}/' changes from ${from.short}..${to.short}\n\n${lines.map((line) => `${line}\n`).join("")}\n${trailers(prefix, to.commit)}`;
}

/** The merge carries no trailers: git subtree takes the first commit with them for the squash. */
export function addMergeMessage(prefix: string, squash: string): string {
  return `Merge commit '${squash}' as '${prefix}'\n`;
}

/** As `git merge` words it: the branch is named unless it is `master`. */
export function updateMergeMessage(squash: string, branch: string): string {
  return `Merge commit '${squash}'${branch === "master" || branch === "" ? "" : ` into ${branch}`}\n`;
}

function trailers(prefix: string, commit: string): string {
  return `git-subtree-dir: ${prefix}\ngit-subtree-split: ${commit}\n`;
}

/** The message of the commit that a package's tarball becomes. It derives from the package alone. */
export function packageMessage({
  subject,
  source,
  integrity,
}: {
  subject: string;
  source: string;
  integrity: string;
}): string {
  return `${subject}\n\n${source}\nintegrity: ${integrity}\n`;
}

/** What the message of a package's commit tells; undefined for any other commit's. */
export function readPackageMessage(
  message: string,
): { source: string; ref: string; version: string; integrity: string } | undefined {
  const match = /^\S+ (\S+)\n\n((?:npm|release|go|archive):\S+)\nintegrity: (\S+)\s*$/.exec(message);
  if (match === null) return undefined;
  const [, version = "", source = "", integrity = ""] = match;
  return { source, ref: version, version, integrity };
}

/** References that keep upstream commits, so that others can fetch what a squash was made of. */
export function upstreamRef(prefix: string, version: string): string {
  return `refs/flow/upstream/${[...prefix.split("/"), version].map(refComponent).join("/")}`;
}

/** git-check-ref-format(1): what a component must not hold is percent-encoded. */
function refComponent(text: string): string {
  return text
    .replace(/[\u0000- ~^:?*[\\\u007f%]|\.\.|@\{/g, (match) =>
      [...match].map((char) => `%${char.charCodeAt(0).toString(16).padStart(2, "0")}`).join(""),
    )
    .replace(/^\./, "%2e")
    .replace(/\.lock$/, ".loc%6b")
    .replace(/\.$/, "%2e")
    .replace(/\//g, "%2f");
}
