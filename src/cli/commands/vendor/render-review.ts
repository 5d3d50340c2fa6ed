import { showPath } from "../../../core/bytes.ts";
import type { PrefixReview, Review } from "../../../vendoring/index.ts";

/** One paragraph a prefix, as text or as Markdown. */
export function renderReview(review: Review, markdown: boolean): string {
  const code = markdown ? inCode : (text: string) => showPath(text);
  const item = (line: string) => (markdown ? `- ${line}` : `  ${line}`);
  const title = (line: string) => (markdown ? `### ${line}\n` : line);
  const paragraphs = review.prefixes.map((prefix) =>
    [title(titleOf(prefix, code)), ...linesOf(prefix, code).map(item)].join("\n"),
  );
  if (review.notImported.length > 0) {
    const lines = review.notImported.map(({ name, from, to }) => `${code(name)} ${from ?? "(new)"} → ${to}`);
    paragraphs.push(
      [title("The lock moved and nothing was imported (flow vendor update --from-lock does)"), ...lines.map(item)].join(
        "\n",
      ),
    );
  }
  if (review.others.length > 0) {
    paragraphs.push([title("Files of no package"), ...review.others.map((path) => item(code(path)))].join("\n"));
  }
  return [summaryOf(review), ...paragraphs].join("\n\n");
}

function summaryOf({ from, to, prefixes, notImported, others }: Review): string {
  const range = `${from.slice(0, 9)}..${to.slice(0, 9)}`;
  if (prefixes.length + notImported.length + others.length === 0)
    return `${range}: nothing that the mirror holds changed.`;
  const kinds = (["added", "updated", "removed", "patched"] as const).flatMap((kind) => {
    const count = prefixes.filter(({ change }) => change === kind).length;
    return count === 0 ? [] : [`${count} ${kind}`];
  });
  const count = (what: string, has: (prefix: PrefixReview) => boolean) => {
    const found = prefixes.filter(has).length;
    return found === 0 ? [] : [`${what} in ${found}`];
  };
  const notable = [
    ...count("warnings", ({ warnings }) => warnings.length > 0),
    ...count("patches lost", ({ patches, change }) => patches.lost.length > 0 && change !== "removed"),
    ...count("install scripts", ({ installScripts }) => installScripts.length > 0),
    ...count("binaries", ({ binaries }) => binaries.length > 0),
    ...count("another licence", hasOtherLicence),
  ];
  return [
    `${range}: ${kinds.length === 0 ? "no package changed" : kinds.join(", ")}.`,
    ...(notable.length === 0 ? [] : [`Look at: ${notable.join(", ")}.`]),
  ].join(" ");
}

function hasOtherLicence({ licence: { from, to } }: PrefixReview): boolean {
  return from !== undefined && to !== undefined && from !== to;
}

type Code = (text: string) => string;

function titleOf({ prefix, change, from, to, source }: PrefixReview, code: Code): string {
  const versions = {
    added: `${to} (new)`,
    removed: `${from} (removed)`,
    patched: `${to} (patched)`,
    updated: from === to ? `${to} (another commit)` : `${from} → ${to}`,
  }[change];
  return `${code(prefix)} ${versions}, ${code(source)}`;
}

function linesOf(review: PrefixReview, code: Code): string[] {
  const { files, lines, dependencies, installScripts, binaries, executables, licence, patches, warnings } = review;
  const counts = [
    ...(files.added > 0 ? [`${files.added} added`] : []),
    ...(files.changed > 0 ? [`${files.changed} changed`] : []),
    ...(files.removed > 0 ? [`${files.removed} removed`] : []),
  ];
  const list = (label: string, paths: readonly string[]) =>
    paths.length === 0 ? [] : [`${label}: ${few(paths.map(code))}`];
  const needs = dependencies.map(({ name, from, to }) =>
    from === undefined
      ? `${code(name)} ${to} (new)`
      : to === undefined
        ? `${code(name)} (gone)`
        : `${code(name)} ${from} → ${to}`,
  );
  const scripts = installScripts.map(
    ({ name, from, to }) => `${name} ${code(to)}${from === undefined ? "" : ` (was ${code(from)})`}`,
  );
  return [
    ...warnings.map((warning) => `WARNING: ${warning}`),
    counts.length === 0 ? "no file changed" : `files: ${counts.join(", ")} (+${lines.added} −${lines.removed} lines)`,
    ...(needs.length === 0 ? [] : [`needs: ${few(needs)}`]),
    ...(scripts.length === 0 ? [] : [`install scripts, never run by flow unless allowed: ${scripts.join("; ")}`]),
    ...list("binaries", binaries),
    ...list("became programs", executables),
    ...(licence.to === undefined
      ? []
      : [hasOtherLicence(review) ? `licence: ${licence.from} → ${licence.to}` : `licence: ${licence.to}`]),
    ...list("patches kept", patches.kept),
    ...list("patches new", patches.added),
    ...list("patches that upstream took", patches.adopted),
    ...list("patches LOST", patches.lost),
  ];
}

const most = 20;

function few(items: readonly string[]): string {
  return items.length <= most ? items.join(", ") : `${items.slice(0, most).join(", ")} and ${items.length - most} more`;
}

/** CommonMark, section 6.1: a longer fence holds what has backticks itself. */
function inCode(text: string): string {
  const shown = showPath(text);
  const fence = "`".repeat(Math.max(0, ...[...shown.matchAll(/`+/g)].map(([run]) => run.length)) + 1);
  return fence.length > 1 ? `${fence} ${shown} ${fence}` : `\`${shown}\``;
}
