import { execa } from "execa";
import { lstatSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { personalGit } from "./git-repository.ts";

/** An entry of a tree: its path and content may be any bytes; a submodule's content is the commit's hash. */
export interface TreeEntry {
  path: string | Uint8Array;
  mode: "100644" | "100755" | "120000" | "160000";
  content: string | Uint8Array;
}

const gitBytes = async (dir: string, args: readonly string[], input?: Uint8Array) =>
  Buffer.from(
    (
      await execa("git", [...args], {
        cwd: dir,
        env: personalGit,
        extendEnv: false,
        encoding: "buffer",
        stripFinalNewline: false,
        ...(input === undefined ? {} : { input }),
      })
    ).stdout,
  );

/** Commits exactly these entries, whatever git or the file system would say of them; the branch `main` moves, no file does. */
export async function commitTree(dir: string, entries: readonly TreeEntry[], message = "Change"): Promise<string> {
  const tree = await writeTree(
    dir,
    entries.map(
      (entry) => ({ ...entry, path: Buffer.from(entry.path as Uint8Array).toString("latin1") }) as PlainEntry,
    ),
  );
  const head = (await gitBytes(dir, ["rev-parse", "main"])).toString().trim();
  const commit = (await gitBytes(dir, ["commit-tree", tree, "-p", head, "-m", message])).toString().trim();
  await gitBytes(dir, ["update-ref", "refs/heads/main", commit]);
  return commit;
}

/** With a path in latin1. */
type PlainEntry = TreeEntry & { path: string };

async function writeTree(dir: string, entries: readonly PlainEntry[]): Promise<string> {
  const lines: string[] = [];
  const below = Map.groupBy(entries, ({ path }) => (path.includes("/") ? path.slice(0, path.indexOf("/")) : ""));
  for (const [name, inside] of below) {
    if (name !== "") {
      const entries = inside.map((entry) => ({ ...entry, path: entry.path.slice(name.length + 1) }) as PlainEntry);
      lines.push(`040000 tree ${await writeTree(dir, entries)}\t${name}`);
      continue;
    }
    for (const { path, mode, content } of inside) {
      const blob = async () =>
        await gitBytes(dir, ["hash-object", "-w", "--stdin"], Buffer.from(content as Uint8Array));
      if (mode === "160000") lines.push(`${mode} commit ${String(content)}\t${path}`);
      else lines.push(`${mode} blob ${(await blob()).toString().trim()}\t${path}`);
    }
  }
  const input = Buffer.from(lines.map((line) => `${line}\0`).join(""), "latin1");
  return (await gitBytes(dir, ["mktree", "-z", "--missing"], input)).toString().trim();
}

/** What a commit holds, by path (as latin1): mode and content; submodules are left out. */
export async function treeBytes(dir: string, commit: string): Promise<Record<string, string>> {
  const listed = (await gitBytes(dir, ["ls-tree", "-r", "-z", "--full-tree", commit])).toString("latin1");
  const found: Record<string, string> = {};
  for (const record of listed.split("\0").filter(Boolean)) {
    const [mode = "", , hash = ""] = record.slice(0, record.indexOf("\t")).split(" ");
    if (mode === "160000") continue;
    const content = (await gitBytes(dir, ["cat-file", "blob", hash])).toString("latin1");
    found[record.slice(record.indexOf("\t") + 1)] = `${mode} ${content}`;
  }
  return found;
}

/** What lies below a directory, in the words of {@link treeBytes}. */
export function directoryBytes(dir: string): Record<string, string> {
  const found: Record<string, string> = {};
  const visit = (below: Buffer): void => {
    const at = Buffer.concat([Buffer.from(`${dir}/`), below]);
    for (const name of readdirSync(at, { encoding: "buffer" })) {
      const path = below.length === 0 ? name : Buffer.concat([below, Buffer.from("/"), name]);
      const full = Buffer.concat([Buffer.from(`${dir}/`), path]);
      const stat = lstatSync(full);
      if (stat.isDirectory()) visit(path);
      else if (stat.isSymbolicLink())
        found[path.toString("latin1")] = `120000 ${readlinkSync(full, { encoding: "buffer" }).toString("latin1")}`;
      else
        found[path.toString("latin1")] =
          `${(stat.mode & 0o100) === 0 ? "100644" : "100755"} ${readFileSync(full).toString("latin1")}`;
    }
  };
  visit(Buffer.alloc(0));
  return found;
}
