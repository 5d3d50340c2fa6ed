import type { Manifest } from "../types.ts";

/** A commit message for what moves from one manifest to another. */
export function describeChange(from: Manifest, to: Manifest): string {
  const label = (prefix: string, { prefixes }: Manifest) => prefixes[prefix]?.version ?? prefixes[prefix]?.ref ?? "";
  const all = [...new Set([...Object.keys(from.prefixes), ...Object.keys(to.prefixes)])].sort();
  const added = all.filter((prefix) => from.prefixes[prefix] === undefined);
  const removed = all.filter((prefix) => to.prefixes[prefix] === undefined);
  const updated = all.filter(
    (prefix) =>
      from.prefixes[prefix] !== undefined &&
      to.prefixes[prefix] !== undefined &&
      from.prefixes[prefix].squash !== to.prefixes[prefix].squash,
  );
  const lines = [
    ...added.map((prefix) => `+ ${prefix} ${label(prefix, to)}`),
    ...updated.map((prefix) => `~ ${prefix} ${label(prefix, from)} -> ${label(prefix, to)}`),
    ...removed.map((prefix) => `- ${prefix}`),
  ];
  const count = (verb: string, list: readonly string[]) =>
    list.length === 0 ? [] : [`${verb} ${list.length === 1 ? list[0] : `${list.length} prefixes`}`];
  const subject = [...count("add", added), ...count("update", updated), ...count("remove", removed)].join(", ");
  const title = subject === "" ? "Change the mirror" : `Vendor: ${subject}`;
  return `${title}\n${lines.length === 0 ? "" : `\n${lines.join("\n")}\n`}`;
}
