import { stripVTControlCharacters } from "node:util";

/** Columns under headings, without lines: easy to read and to cut. */
export function table(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [headings.map((heading) => heading.toUpperCase()), ...rows];
  const width = (text: string) => stripVTControlCharacters(text).length;
  const widths = headings.map((_, column) => Math.max(...all.map((row) => width(row[column] ?? ""))));
  return all
    .map((row) =>
      row
        .map((cell, column) => cell + " ".repeat(Math.max(0, (widths[column] ?? 0) - width(cell))))
        .join("   ")
        .trimEnd(),
    )
    .join("\n");
}
