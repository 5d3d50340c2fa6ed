/** What vendor-manifest.json records of a prefix. */
export interface PrefixEntry {
  /** `npm:<name>`, `release:<name>`, `go:<module path>` or a git URL. */
  source: string;
  /** What was asked for: a version range, a tag, a branch or a commit. */
  ref: string;
  /** Exact version of a package. */
  version?: string;
  /** Upstream commit; for a package the one made of its tarball. */
  commit: string;
  /** Tree of that commit: what the prefix holds without patches. */
  tree: string;
  /** Integrity of the tarball as the registry gave it (SRI), or of a Go module as go.sum has it (`h1:…`). */
  integrity?: string;
  squash: string;
  /** SPDX expression, `NONE` when the package names none. */
  licence: string;
  /** Paths of upstream that are taken or left out, as globs; everything without them. */
  include?: string[];
  exclude?: string[];
  /** Whether commits of ours changed it when flow last touched it. */
  patched: boolean;
}

export interface Manifest {
  version: 1;
  prefixes: Record<string, PrefixEntry>;
}

/** A mirror: a git work tree whose subdirectories are subtree prefixes. */
export interface Mirror {
  /** Top of the work tree. */
  readonly dir: string;
  /** Name of the git remote it is shared through; undefined without one. */
  readonly remote: string | undefined;
  /** Commit that `manifest` tells of; undefined in a repository without any. */
  readonly head: string | undefined;
  readonly manifest: Manifest;
}

export type PrefixState = "clean" | "patched" | "modified" | "missing";

export interface PrefixStatus extends PrefixEntry {
  prefix: string;
  state: PrefixState;
  /** False for one that a sparse clone has not checked out. */
  inWorkTree: boolean;
  /** Files below it that are changed but not committed. */
  changes: string[];
  /** Those of them that a `.gitignore` hides from `git add`: a patch that adds them takes `git add --force`. */
  hidden: string[];
}

/** One upstream state on its way into the mirror. */
export interface Incoming {
  prefix: string;
  source: string;
  ref: string;
  version?: string;
  integrity?: string;
  licence: string;
  /** First line of the upstream commit, for git subtree's log. */
  subject: string;
  /** Files of a package; or the commit of a git source that is fetched already. */
  content: { files: readonly UpstreamFile[] } | { commit: string; tree: string };
}

export interface UpstreamFile {
  path: string;
  mode: "100644" | "100755" | "120000";
  data: Uint8Array;
}

export interface AddOptions {
  /** A package-lock.json to take whole, relative to the context's directory. */
  lock?: string;
  /** Prefix of a single git source instead of host/org/repo. */
  prefix?: string;
  /** Ref of a single git source, for what `@` cannot say. */
  ref?: string;
  /** Platforms whose binaries are held, as `linux-x64` or `linux-x64-musl`. Default: this machine's. */
  platforms?: readonly string[];
  /** Names, scopes and Go module paths that are ours and never asked of a registry: `goflow`, `@acme`, `example.com/acme`. */
  ownNames?: readonly string[];
  /** Where npm keeps its cache; Go's caches lie beside it, in `go`. */
  cache: string;
  /** Largest file that is taken in, in bytes. Default 95 MB: forges refuse files over 100 MB. */
  maxFileBytes?: number;
  dryRun?: boolean;
}

export interface Change {
  prefix: string;
  source: string;
  from?: string;
  to: string;
  /** Whether patches of ours were carried over. */
  patched: boolean;
}

export interface AddResult {
  added: Change[];
  updated: Change[];
  removed: string[];
  /** Packages of the closure that have an install script; it was not run. */
  installScripts: string[];
  /** Optional packages, those of other platforms among them, that the registry does not have. */
  holes: string[];
  /** Git sources that cannot be imported as they are: their package.json names files that they do not ship. */
  unbuilt: string[];
  /** Symbolic links of git sources that lead out of them, as `path -> target`. They are kept. */
  linksOut: string[];
  /** New head of the mirror. */
  head: string;
}
