import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { removeTree, writeAtomic } from "../../core/files.ts";
import type { Git } from "../../core/git/index.ts";
import { gitPath } from "../conflict/state.ts";

/** Which directories lie in the work tree, with everything below them; git-sparse-checkout(1), cone mode. */
export class Cone {
  /** Undefined when the whole tree is there. */
  readonly directories: readonly string[] | undefined;
  readonly #inside: ReadonlySet<string>;
  /** The directories above those in the cone: files that lie directly in them are there too. */
  readonly #above: ReadonlySet<string>;

  constructor(directories: readonly string[] | undefined) {
    this.directories = directories;
    this.#inside = new Set(directories);
    this.#above = new Set(["", ...(directories ?? []).flatMap(parents)]);
  }

  /** Whether all below a directory is in the work tree. */
  holds(directory: string): boolean {
    if (this.directories === undefined) return true;
    return this.#inside.has(directory) || parents(directory).some((parent) => this.#inside.has(parent));
  }

  /** Whether a file is in the work tree. */
  holdsFile(path: string): boolean {
    const parent = path.slice(0, Math.max(0, path.lastIndexOf("/")));
    return this.holds(path) || this.#above.has(parent);
  }
}

function parents(path: string): string[] {
  const parts = path.split("/");
  return parts.slice(1).map((_, index) => parts.slice(0, index + 1).join("/"));
}

export async function readCone(git: Git): Promise<Cone> {
  const sparse = await git.text(["config", "--type=bool", "core.sparseCheckout"], { okCodes: [0, 1] });
  if (sparse !== "true") return new Cone(undefined);
  const listed = await git.run(["sparse-checkout", "list"], { okCodes: [0, 128] });
  return new Cone(listed.stdout.split("\n").filter(Boolean).map(unquote));
}

/** Makes these directories, and the files above them, the work tree of a clone that has none yet. */
export async function setCone(git: Git, directories: readonly string[]): Promise<void> {
  await git.run(["sparse-checkout", "set", "--cone", "--skip-checks", "--stdin"], { input: lines(directories) });
}

/** Takes directories into the work tree; what {@link finishWidening} ends when this one is killed. Their contents are here already. */
export async function widenCone(git: Git, directories: readonly string[]): Promise<void> {
  const mark = await markOf(git);
  await writeAtomic(mark, lines(directories));
  await git.run(["sparse-checkout", "add", "--skip-checks", "--stdin"], { input: lines(directories) });
  await removeTree(mark);
}

export async function isWidening(git: Git): Promise<boolean> {
  return existsSync(await markOf(git));
}

/** Goes on where a killed {@link widenCone} stopped: what it wrote of a file is not somebody's change. */
export async function finishWidening(git: Git): Promise<void> {
  const mark = await markOf(git);
  const text = await readFile(mark, "utf8").catch(() => "");
  if (text !== "") {
    await git.run(["sparse-checkout", "add", "--skip-checks", "--stdin"], { input: text });
    const directories = text.split("\n").filter(Boolean).map(unquote);
    await git.run(
      ["--literal-pathspecs", "checkout", "--quiet", "HEAD", "--pathspec-from-file=-", "--pathspec-file-nul"],
      {
        input: directories.map((directory) => `${directory}\0`).join(""),
      },
    );
  }
  await removeTree(mark);
}

async function markOf(git: Git): Promise<string> {
  return join(await gitPath(git, "flow"), "widening");
}

/** git reads a line that begins with a quote as a C string, and writes one where it must. */
function lines(directories: readonly string[]): string {
  return directories.map((path) => `${/["\\]/.test(path) ? JSON.stringify(path) : path}\n`).join("");
}

function unquote(line: string): string {
  return line.startsWith('"') ? (JSON.parse(line) as string) : line;
}

/** Writes files as the index has them; those that a sparse clone does not check out stay away. */
export async function writePaths(git: Git, paths: readonly string[]): Promise<void> {
  const cone = await readCone(git);
  const input = paths.filter((path) => cone.holdsFile(path)).map((path) => `${path}\0`);
  await git.run(["checkout-index", "-f", "-q", "-z", "--stdin"], { input: input.join("") });
}

/** An index that was made without a look at the work tree says of files outside of the cone that somebody deleted them. */
export async function reapplyCone(git: Git): Promise<void> {
  if ((await readCone(git)).directories !== undefined) await git.run(["sparse-checkout", "reapply"]);
}
