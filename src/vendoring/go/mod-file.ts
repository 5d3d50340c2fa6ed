/** One line of a `require`. */
export interface Requirement {
  path: string;
  version: string;
  /** Needed by what is required, not asked for. */
  indirect: boolean;
}

export interface ModFile {
  module: string;
  /** The `go` line; undefined without one. */
  go: string | undefined;
  requires: Requirement[];
  /** Directories below the go.mod that replace modules, whatever version, by module path. */
  directories: ReadonlyMap<string, string>;
}

/** Reads what flow needs of a go.mod (https://go.dev/ref/mod#go-mod-file); undefined when it names no module. */
export function parseModFile(text: string): ModFile | undefined {
  const directives = directivesOf(text);
  const module = directives.find(({ verb }) => verb === "module")?.words[0];
  if (module === undefined) return undefined;
  return {
    module,
    go: directives.find(({ verb }) => verb === "go")?.words[0],
    requires: directives.flatMap(({ verb, words: [path, version], comment }) =>
      verb === "require" && path !== undefined && version !== undefined
        ? [{ path, version, indirect: /^\/\/ indirect\b/.test(comment) }]
        : [],
    ),
    directories: new Map(
      directives.flatMap(({ verb, words: [path, arrow, target, ...more] }): [string, string][] =>
        verb === "replace" && arrow === "=>" && path !== undefined && target?.startsWith("./") && more.length === 0
          ? [[path, target.slice(2)]]
          : [],
      ),
    ),
  };
}

export interface ModContent {
  requires: readonly Requirement[];
  /** Directories that replace modules, by module path, relative to the go.mod. */
  directories: ReadonlyMap<string, string>;
  /** The `go` line. Default: as it was. */
  go?: string | undefined;
}

/**
 * A go.mod with these requirements, each replaced by the directory that holds it. What else its owner wrote stays:
 * the module's line, `exclude`, and replacements of others. Without one before, a new one.
 */
export function formatModFile(before: string | undefined, { requires, directories, go }: ModContent): string {
  const start = before ?? "module flow.local/vendor\n\ngo 1.21\n";
  const text = go === undefined ? start : start.replace(/^go [\d.]\S*/m, `go ${go}`);
  const kept = withoutDirectives(text, (verb, words) =>
    verb === "require" ? true : verb === "replace" && words.at(-1)?.startsWith("./") === true,
  );
  const sorted = requires.toSorted((a, b) => (a.path < b.path ? -1 : 1));
  const line = ({ path, version, indirect }: Requirement) => `\t${path} ${version}${indirect ? " // indirect" : ""}`;
  const replaced = [...directories].sort(([a], [b]) => (a < b ? -1 : 1));
  const block = (verb: string, lines: readonly string[]) =>
    lines.length === 0 ? [] : ["", `${verb} (`, ...lines, ")"];
  return [
    kept.trimEnd(),
    ...block("require", sorted.map(line)),
    ...block(
      "replace",
      replaced.map(([path, dir]) => `\t${path} => ./${dir}`),
    ),
    "",
  ].join("\n");
}

interface Directive {
  verb: string;
  words: string[];
  comment: string;
}

function directivesOf(text: string): Directive[] {
  const found: Directive[] = [];
  withoutDirectives(text, (verb, words, comment) => {
    found.push({ verb, words, comment });
    return false;
  });
  return found;
}

/** The text without the directives that `drop` names, and without blocks that they leave empty. */
function withoutDirectives(text: string, drop: (verb: string, words: string[], comment: string) => boolean): string {
  const kept: string[] = [];
  let block: { verb: string; at: number } | undefined;
  for (const line of text.split(/\r?\n/)) {
    const start = line.search(/(^|\s)\/\//);
    const [code, comment] = start < 0 ? [line, ""] : [line.slice(0, start), line.slice(start).trim()];
    const words = code.trim().split(/\s+/).filter(Boolean).map(unquote);
    if (block === undefined && words.length === 2 && words[1] === "(") {
      block = { verb: words[0] as string, at: kept.length };
    } else if (block !== undefined && words[0] === ")") {
      // Nothing but its opening line is left of it.
      if (kept.length === block.at + 1) {
        kept.pop();
        block = undefined;
        continue;
      }
      block = undefined;
    } else if (words.length > 0) {
      const [verb, ...rest] = block === undefined ? words : [block.verb, ...words];
      if (drop(verb as string, rest, comment)) continue;
    }
    kept.push(line);
  }
  return kept.join("\n").replace(/\n{3,}/g, "\n\n");
}

function unquote(word: string): string {
  return /^(["`]).*\1$/.test(word) ? word.slice(1, -1) : word;
}
