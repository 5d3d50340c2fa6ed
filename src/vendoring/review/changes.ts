import type { Git } from "../../core/git/index.ts";
import { withoutAttributes } from "../without-attributes.ts";

/** One file that differs between two states of the mirror. */
export interface FileChange {
  path: string;
  /** As git names it: A added, D deleted, M modified, T type changed. */
  status: string;
  mode: { before: string; after: string };
  /** Lines that came and went; undefined for a file that is no text. */
  lines: { added: number; removed: number } | undefined;
}

/** Every file in which two commits differ, by one process; git-diff-tree(1), `--raw --numstat -z`. */
export async function fileChanges(git: Git, from: string, to: string): Promise<FileChange[]> {
  // Without attributes: a package's own could declare its binaries to be text.
  const { stdout } = await withoutAttributes(git, [
    "diff-tree",
    "-r",
    "-z",
    "--no-renames",
    "--raw",
    "--numstat",
    from,
    to,
  ]);
  const fields = stdout.split("\0");
  const changes = new Map<string, FileChange>();
  let at = 0;
  for (; fields[at]?.startsWith(":") === true; at += 2) {
    const [before = "", after = "", , , status = ""] = (fields[at] as string).slice(1).split(" ");
    const path = fields[at + 1] as string;
    changes.set(path, { path, status, mode: { before, after }, lines: { added: 0, removed: 0 } });
  }
  for (const field of fields.slice(at).filter(Boolean)) {
    const [added = "", removed = "", ...rest] = field.split("\t");
    const change = changes.get(rest.join("\t"));
    if (change === undefined) continue;
    change.lines = added === "-" ? undefined : { added: Number(added), removed: Number(removed) };
  }
  return [...changes.values()];
}
