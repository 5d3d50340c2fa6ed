import { encodeBytes } from "../core/bytes.ts";
import { FlowError } from "../core/errors.ts";
import { identityEnvironment, type Git } from "../core/git/index.ts";
import type { UpstreamFile } from "./types.ts";

/** Identity and time of commits that are made of a tarball: they derive from it alone. The time is that of npm's archives. */
const fixedIdentity = "flow <flow@localhost> 499162500 +0000";

export interface CommitIdentity {
  /** `Name <mail> seconds zone` */
  readonly text: string;
}

/** A file or a link outside of every prefix. */
export interface TopBlob {
  path: string;
  text: string;
  mode: "100644" | "120000";
}

export interface Imported {
  commit: string;
  tree: string;
}

/**
 * One `git fast-import`: any number of objects and commits by one process.
 * Commits are made on references below `refs/flow/import`, which the caller may leave to {@link finish}.
 */
export class Importer {
  readonly #child: ReturnType<Git["spawn"]>;
  readonly #lines: AsyncIterator<string>;
  #mark = 0;
  /** Marks of commits made here, by hash: fast-import finds its own commits by mark alone until it is finished. */
  readonly #marks = new Map<string, string>();
  #failed: Error | undefined;

  constructor(git: Git) {
    this.#child = git.spawn([
      "-c",
      "fastimport.unpackLimit=1",
      "-c",
      "core.compression=1",
      "fast-import",
      "--quiet",
      "--force",
      "--done",
      "--date-format=raw",
    ]);
    const { stdin, stdout } = this.#child;
    stdin?.on("error", (error) => (this.#failed ??= error));
    this.#lines = readLines(stdout as NodeJS.ReadableStream);
  }

  async #write(text: string | Uint8Array): Promise<void> {
    if (this.#failed !== undefined) throw await this.#failure();
    const stdin = this.#child.stdin as NodeJS.WritableStream;
    if (stdin.write(text)) return;
    await new Promise<void>((resolve) => {
      const done = () => {
        stdin.off("drain", done).off("close", done);
        resolve();
      };
      stdin.on("drain", done).on("close", done);
    });
  }

  async #ask(text: string): Promise<string> {
    await this.#write(text);
    const { value, done } = await this.#lines.next();
    if (done === true) throw await this.#failure();
    return value as string;
  }

  async #data(data: string | Uint8Array): Promise<void> {
    const bytes = typeof data === "string" ? encodeBytes(data) : data;
    await this.#write(`data ${bytes.length}\n`);
    await this.#write(bytes);
    await this.#write("\n");
  }

  /** A commit without parents that holds exactly `files`. */
  async upstreamCommit(ref: string, files: readonly UpstreamFile[], message: string): Promise<Imported> {
    const marks: number[] = [];
    for (const { data } of files) {
      const mark = ++this.#mark;
      marks.push(mark);
      await this.#write(`blob\nmark :${mark}\n`);
      await this.#data(data);
    }
    const commit = ++this.#mark;
    await this.#write(
      `reset ${ref}\n\ncommit ${ref}\nmark :${commit}\nauthor ${fixedIdentity}\ncommitter ${fixedIdentity}\n`,
    );
    await this.#data(message);
    for (const [index, { path, mode }] of files.entries())
      await this.#write(`M ${mode} :${marks[index]} ${quote(path)}\n`);
    return await this.#imported(commit);
  }

  /** A commit with one given tree: git subtree's squash. */
  async treeCommit(
    ref: string,
    { tree, parent, message, by }: { tree: string; parent?: string; message: string; by: CommitIdentity },
  ): Promise<string> {
    const commit = ++this.#mark;
    await this.#write(`reset ${ref}\n\ncommit ${ref}\nmark :${commit}\nauthor ${by.text}\ncommitter ${by.text}\n`);
    await this.#data(message);
    if (parent !== undefined) await this.#write(`from ${this.#reference(parent)}\ndeleteall\n`);
    await this.#write(`M 040000 ${tree} ""\n`);
    return await this.#named(commit);
  }

  /** A commit on `parents` that changes the paths given: a tree or blob to put there, or nothing to take away. */
  async pathCommit(
    ref: string,
    {
      parents,
      message,
      by,
      puts = [],
      deletes = [],
      blobs = [],
    }: {
      parents: readonly [string, ...string[]];
      message: string;
      by: CommitIdentity;
      puts?: readonly { path: string; tree: string }[];
      deletes?: readonly string[];
      blobs?: readonly TopBlob[];
    },
  ): Promise<string> {
    const commit = ++this.#mark;
    await this.#write(`commit ${ref}\nmark :${commit}\nauthor ${by.text}\ncommitter ${by.text}\n`);
    await this.#data(message);
    const [first, ...others] = parents;
    await this.#write(
      `from ${this.#reference(first)}\n${others.map((parent) => `merge ${this.#reference(parent)}\n`).join("")}`,
    );
    for (const path of deletes) await this.#write(`D ${quote(path)}\n`);
    for (const { path, tree } of puts) await this.#write(`M 040000 ${tree} ${quote(path)}\n`);
    for (const { path, text, mode } of blobs) {
      await this.#write(`M ${mode} inline ${quote(path)}\n`);
      await this.#data(text);
    }
    return await this.#named(commit);
  }

  async #named(mark: number): Promise<string> {
    const commit = await this.#ask(`get-mark :${mark}\n`);
    this.#marks.set(commit, `:${mark}`);
    return commit;
  }

  #reference(commit: string): string {
    return this.#marks.get(commit) ?? commit;
  }

  async #imported(mark: number): Promise<Imported> {
    const commit = await this.#named(mark);
    const tree = /^040000 tree ([0-9a-f]+)/.exec(await this.#ask(`ls :${mark} ""\n`))?.[1];
    if (tree === undefined) throw await this.#failure();
    return { commit, tree };
  }

  /** Closes the stream; everything is in the object store and the references are set. @throws FlowError FLOW_GIT_FAILED */
  async finish(): Promise<void> {
    await this.#write("done\n");
    this.#child.stdin?.end();
    const result = await this.#child;
    if (result.exitCode !== 0) throw await this.#failure();
  }

  /** Gives up: nothing was published. */
  async abort(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#child;
  }

  async #failure(): Promise<FlowError> {
    this.#child.stdin?.end();
    const result = await this.#child;
    return new FlowError("FLOW_GIT_FAILED", "git fast-import failed", {
      cause:
        Buffer.from((result.stderr as Uint8Array | undefined) ?? [])
          .toString("utf8")
          .trim() || this.#failed,
    });
  }
}

/** fast-import's C-style quoting of paths. */
function quote(path: string): string {
  return `"${path.replace(/["\\\n]/g, (char) => (char === "\n" ? "\\n" : `\\${char}`))}"`;
}

async function* readLines(stream: NodeJS.ReadableStream): AsyncGenerator<string, void, undefined> {
  let rest = "";
  for await (const chunk of stream) {
    const lines = (rest + String(chunk)).split("\n");
    rest = lines.pop() ?? "";
    yield* lines;
  }
}

/** Runs `work` with an importer; on a failure it is ended and nothing is published. */
export async function importing<T>(git: Git, work: (importer: Importer) => Promise<T>): Promise<T> {
  const importer = new Importer(git);
  try {
    const result = await work(importer);
    await importer.finish();
    return result;
  } catch (error) {
    await importer.abort();
    throw error;
  }
}

/** Who makes commits here, and when: the person's identity, or flow where git knows none; GIT_COMMITTER_DATE counts. */
export async function committer(git: Git): Promise<CommitIdentity> {
  return { text: await git.text(["var", "GIT_COMMITTER_IDENT"], { env: await identityEnvironment(git) }) };
}
