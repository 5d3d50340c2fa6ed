import { FlowError } from "../core/errors.ts";

/** What some file system makes of a name: case, trailing dots and spaces, streams of NTFS, characters that HFS ignores. */
function asFileSystemsRead(component: string): string {
  return component
    .normalize("NFC")
    .replace(/[\u200c-\u200f\u202a-\u202e\u206a-\u206f\ufeff]/g, "")
    .toLowerCase()
    .replace(/[ .]*([:\\].*)?$/, "");
}

/** Spellings of `.git`, NTFS's short names for it too, as git itself refuses them. */
function isDotGit(component: string): boolean {
  return /^(\.git|git~\d+)$/.test(asFileSystemsRead(component));
}

/** Spellings of `.gitmodules`: git refuses a link of that name, and forges refuse a push that holds one. */
export function isDotGitmodules(component: string): boolean {
  return /^(\.gitmodules|gitmod~\d+|gi7eba~\d+)$/.test(asFileSystemsRead(component));
}

/** Why a path must not lie in a mirror; undefined when it may. */
export function pathFault(path: string): string | undefined {
  if (path === "" || path.startsWith("/") || /^[A-Za-z]:/.test(path)) return "is not a relative path";
  if (path.includes("\0") || /[\r\n]/.test(path)) return "holds a control character";
  for (const component of path.split("/")) {
    if (component === "") return "has an empty component";
    if (component === "." || component === "..") return "leaves its directory";
    if (isDotGit(component)) return "is named like git's own directory";
    if (component.includes("\\")) return "holds a backslash";
  }
  return undefined;
}

/** Why git would not check a path of a git source out; undefined when it does. */
export function sourcePathFault(path: string): string | undefined {
  for (const component of path.split("/")) {
    if (["", ".", ".."].includes(component)) return "leaves its directory";
    if (component.split("\\").some(isDotGit)) return "is named like git's own directory";
  }
  return undefined;
}

/**
 * Normalizes a prefix: `./x` and `x/` mean `x`.
 * @throws FlowError FLOW_VENDOR_BAD_PREFIX for one that leaves the tree or that `git subtree` cannot work with
 */
export function checkPrefix(input: string): string {
  const prefix = input.replace(/^(\.\/+)+/, "").replace(/\/+$/, "");
  const fault = pathFault(prefix);
  if (fault !== undefined) throw new FlowError("FLOW_VENDOR_BAD_PREFIX", `prefix "${input}" ${fault}`);
  if (/[[\]*?\\]/.test(prefix)) {
    throw new FlowError("FLOW_VENDOR_BAD_PREFIX", `prefix "${input}" holds one of [ ] * ? \\`, {
      hint: "git subtree reads a prefix as a pattern and could never pull such a one: choose another with --prefix",
    });
  }
  return prefix;
}

/** Refuses prefixes that two file systems or two sources would mix up. */
export function checkCollision(prefix: string, existing: readonly string[]): void {
  const fold = (name: string) => name.normalize("NFC").toLowerCase();
  const folded = fold(prefix);
  const other = existing.find((name) => name !== prefix && fold(name) === folded);
  if (other !== undefined) {
    throw new FlowError("FLOW_VENDOR_BAD_PREFIX", `prefix "${prefix}" differs from "${other}" in case only`, {
      hint: "they would be one directory on macOS and Windows: choose another with --prefix",
    });
  }
}
