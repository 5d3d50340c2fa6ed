import { showPath } from "../../core/bytes.ts";
import { FlowError } from "../../core/errors.ts";
import type { Git } from "../../core/git/index.ts";
import { leadsOut } from "../links.ts";
import { isDotGitmodules, sourcePathFault } from "../prefix.ts";
import { readObjects } from "../trees.ts";
import type { ListedEntry, Listings } from "./listing.ts";

/**
 * Refuses what git itself would not check out, or takes for a repository of its own.
 * @throws FlowError FLOW_VENDOR_BAD_ARCHIVE naming the file
 */
export function refuseBadPaths(listings: Listings): void {
  for (const [prefix, entries] of listings) {
    for (const { path, mode } of entries) {
      const fault =
        mode === "120000" && isDotGitmodules(path.split("/").at(-1) as string)
          ? "is a link that git reads as .gitmodules"
          : sourcePathFault(path);
      if (fault === undefined) continue;
      throw new FlowError("FLOW_VENDOR_BAD_ARCHIVE", `${prefix}: ${showPath(path)} ${fault}`, {
        hint: "nothing of it was imported: no honest repository holds such a file. Ask upstream about it",
      });
    }
  }
}

/** Links that lead out of their source, to anywhere on the machine: kept as upstream has them, and named. */
export async function linksOut(git: Git, listings: Listings): Promise<string[]> {
  const found: string[] = [];
  for (const [prefix, entries] of listings) {
    const links = entries.filter(({ mode }) => mode === "120000");
    const targets = await targetsOf(git, links);
    for (const { path } of links) {
      const target = targets.get(path);
      if (target === undefined || !leadsOut(path, target, (at) => targets.get(at))) continue;
      found.push(`${showPath(`${prefix}/${path}`)} -> ${showPath(target.toString("utf8"))}`);
    }
  }
  return found;
}

async function targetsOf(git: Git, links: readonly ListedEntry[]): Promise<Map<string, Buffer>> {
  const contents = await readObjects(
    git,
    links.map(({ hash }) => hash),
  );
  return new Map(
    links.flatMap(({ path }, index) => (contents[index] === undefined ? [] : [[path, contents[index]] as const])),
  );
}
