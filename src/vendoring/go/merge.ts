import { mergeMaps } from "../merge-maps.ts";
import { formatModFile, parseModFile } from "./mod-file.ts";

/** Three-way merge of a mirror's go.mod, requirement by requirement; `theirs` wins where both changed one. */
export function mergeModFiles(base: string, ours: string, theirs: string): string {
  const [before, mine, other] = [base, ours, theirs].map(contentOf);
  const { requires, directories } = mergeMaps(before, mine, other) as ReturnType<typeof contentOf>;
  return formatModFile(theirs, {
    requires: Object.entries(requires).map(([path, [version, indirect]]) => ({ path, version, indirect })),
    directories: new Map(Object.entries(directories)),
  });
}

function contentOf(text: string) {
  const { requires = [], directories = new Map<string, string>() } = parseModFile(text) ?? {};
  return {
    requires: Object.fromEntries(
      requires.map(({ path, version, indirect }): [string, [string, boolean]] => [path, [version, indirect]]),
    ),
    directories: Object.fromEntries(directories),
  };
}

/** go.sum is a set of lines: of both sides all that neither took away. */
export function mergeSumFiles(base: string, ours: string, theirs: string): string {
  const [before, mine, other] = [base, ours, theirs].map((text) =>
    Object.fromEntries(
      text
        .split("\n")
        .filter(Boolean)
        .map((line) => [line, true]),
    ),
  );
  const lines = Object.keys(mergeMaps(before, mine, other) as object).sort();
  return lines.length === 0 ? "" : `${lines.join("\n")}\n`;
}
