import type { AddResult, Change, CloneState, Presence, PrefixStatus, ShareResult } from "../../../vendoring/index.ts";

/** Rows under each other, their cells aligned. */
export function columns(rows: readonly (readonly string[])[]): string {
  const widths = rows.reduce<number[]>(
    (all, row) => row.map((cell, index) => Math.max(all[index] ?? 0, cell.length)),
    [],
  );
  return rows
    .map((row) =>
      row
        .map((cell, index) => cell.padEnd(widths[index] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

/** What an import brought, one line a prefix. */
export function renderImport(result: AddResult, dryRun: boolean): string {
  const { installScripts, holes } = result;
  return [
    renderChanges(result, dryRun),
    ...(installScripts.length > 0
      ? [
          "",
          `Install scripts that were not run: ${installScripts.join(", ")}. vendor.installScripts in flow.yaml allows them.`,
        ]
      : []),
    ...(holes.length > 0 ? ["", `Not in the registry: ${holes.join(", ")}`] : []),
  ].join("\n");
}

/** Prefixes that came, moved and went. */
export function renderChanges(
  { added, updated, removed }: Pick<AddResult, "added" | "updated" | "removed">,
  dryRun: boolean,
): string {
  const rows = [
    ...added.map((change) => ["+", change.prefix, change.to]),
    ...updated.map((change) => ["~", change.prefix, `${change.from} → ${change.to}${patchNote(change)}`]),
    ...removed.map((prefix) => ["-", prefix, ""]),
  ];
  if (rows.length === 0) return "The mirror has all of this already.";
  return [columns(rows), ...(dryRun ? ["", "Nothing was changed (--dry-run)."] : [])].join("\n");
}

function patchNote({ patched }: Change): string {
  return patched ? ", patches kept" : "";
}

/** What a lean clone does without, and what brings it. Nothing of a whole one. */
export function renderClone({ shallow, sparse }: CloneState, prefixes: readonly PrefixStatus[]): string[] {
  if (!shallow && !sparse) return [];
  const kind = [...(shallow ? ["shallow"] : []), ...(sparse ? ["sparse"] : [])].join(" and ");
  const here = prefixes.filter(({ inWorkTree }) => inWorkTree).length;
  return [
    `This clone is ${kind}${sparse ? `: ${here} of ${prefixes.length} prefixes are in the work tree` : ""}.`,
    ...(sparse ? ["flow vendor sync PREFIX brings one more, flow vendor sync --full all of the mirror."] : []),
    ...(shallow ? ["For git subtree by hand: flow vendor unshallow PREFIX."] : []),
  ];
}

/** What a push or a sync moved. */
export function renderShare({ remote, branch, from, head, proposal }: ShareResult): string {
  const place = `${remote}/${branch}`;
  if (proposal !== undefined) {
    return [
      `${place} is protected: the mirror was pushed as branch ${proposal.branch}.`,
      proposal.url === undefined
        ? `Open a pull request from ${proposal.branch} to ${branch} at the remote's forge.`
        : `Open a pull request: ${proposal.url}`,
      "However it is merged, flow vendor sync and update go on from there.",
    ].join("\n");
  }
  return from === head
    ? `Nothing new: ${place} is at ${head.slice(0, 9)}.`
    : `${place}: ${from === undefined ? "new branch" : from.slice(0, 9)} → ${head.slice(0, 9)}`;
}

/** Who needs what, one paragraph a place. */
export function renderPresence(places: readonly Presence[]): string {
  return places
    .map(({ prefix, version, neededBy, chains }) =>
      [
        `${prefix} ${version}`,
        ...(neededBy.length === 0 ? ["  nothing needs it: it was added for itself"] : []),
        ...neededBy.map(({ by, range }) => `  needed by ${by} as ${range}`),
        ...chains.filter((chain) => chain.length > 2).map((chain) => `  through ${chain.join(" → ")}`),
      ].join("\n"),
    )
    .join("\n\n");
}
