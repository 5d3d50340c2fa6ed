import { readFile } from "node:fs/promises";
import { writeIfChanged } from "../core/files.ts";
import type { Git } from "../core/git/index.ts";
import type { Manifest } from "./types.ts";

const begin = "# flow: bytes of what is vendored stay what upstream published";
const end = "# flow: end";
const asPublished = "-text -ident -filter !eol !working-tree-encoding !merge";

/**
 * Makes git check out exactly the bytes of every prefix, whatever a package's own `.gitattributes` says: the clone's
 * `info/attributes` has the highest precedence. What else lies in the repository is left to its owner.
 */
export async function keepBytes(git: Git, manifest: Manifest): Promise<void> {
  const path = await git.text(["rev-parse", "--path-format=absolute", "--git-path", "info/attributes"]);
  const current = await readFile(path, "utf8").catch(() => "");
  const start = current.indexOf(begin);
  const stop = current.indexOf(end, start);
  const others = start < 0 || stop < 0 ? current : current.slice(0, start) + current.slice(stop + end.length + 1);
  const patterns = patternsOf(Object.keys(manifest.prefixes));
  if (patterns.length === 0) return;
  const own = [begin, ...patterns.map((pattern) => `${pattern} ${asPublished}`), end, ""].join("\n");
  await writeIfChanged(path, `${others === "" || others.endsWith("\n") ? others : `${others}\n`}${own}`);
}

function patternsOf(prefixes: readonly string[]): string[] {
  const roots = prefixes.map((prefix) => (prefix.startsWith("node_modules/") ? "node_modules" : prefix));
  return [...new Set(roots)].sort().map((root) => quote(`/${root}/**`));
}

/** gitattributes(5): a pattern with spaces stands in quotes. */
function quote(pattern: string): string {
  return /[\s"]/.test(pattern) ? `"${pattern.replaceAll('"', '\\"')}"` : pattern;
}
