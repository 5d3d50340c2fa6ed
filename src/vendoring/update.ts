import type { FlowContext } from "../core/context.ts";
import { FlowError } from "../core/errors.ts";
import { step } from "../core/events.ts";
import { Git } from "../core/git/index.ts";
import { nearest } from "../core/suggest.ts";
import { changeMirror } from "./add.ts";
import { fetchGitSource } from "./git/fetch.ts";
import { checkPrefix } from "./prefix.ts";
import type { AddOptions, AddResult, Incoming, Mirror } from "./types.ts";

/**
 * Moves prefixes to what their ref or range gives now; patches of ours are merged. Without names: all.
 * @throws FlowError FLOW_VENDOR_CONFLICT, FLOW_VENDOR_NO_PREFIX
 */
export async function updatePrefixes(
  ctx: FlowContext,
  dir: string,
  names: readonly string[],
  options: AddOptions,
): Promise<AddResult> {
  return await changeMirror(ctx, dir, { purpose: "updating the mirror", options }, async (mirror) => {
    const prefixes =
      names.length === 0 ? Object.keys(mirror.manifest.prefixes) : names.map((name) => findPrefix(mirror, name));
    const git = new Git(ctx, mirror.dir);
    const fromGit: Incoming[] = [];
    const packages: string[] = [];
    for (const prefix of prefixes) {
      const { source, ref } = mirror.manifest.prefixes[prefix] as Mirror["manifest"]["prefixes"][string];
      if (source.startsWith("npm:")) packages.push(prefix.split("node_modules/").at(-1) as string);
      else if (!source.startsWith("release:") && source !== "unknown") {
        fromGit.push(
          await step(ctx, { id: "vendor.fetch-git", title: `Fetching ${source}` }, () =>
            fetchGitSource(git, { url: source, ref: options.ref ?? ref, prefix }),
          ),
        );
      }
    }
    return {
      git: fromGit,
      npm: packages.length === 0 ? undefined : { add: [], update: names.length === 0 ? true : packages, releases: [] },
    };
  });
}

/** A prefix by its path or by its package's name. @throws FlowError FLOW_VENDOR_NO_PREFIX with a suggestion */
export function findPrefix({ manifest }: Mirror, name: string): string {
  const known = Object.keys(manifest.prefixes);
  const plain = checkPrefix(name.replace(/^npm:/, ""));
  const found = known.find((prefix) => prefix === plain) ?? known.find((prefix) => prefix === `node_modules/${plain}`);
  if (found !== undefined) return found;
  const near = nearest(plain, [...known, ...known.map((prefix) => prefix.replace(/^node_modules\//, ""))]);
  throw new FlowError("FLOW_VENDOR_NO_PREFIX", `the mirror has no "${name}"`, {
    hint: near === undefined ? "flow vendor list shows what it has" : `did you mean "${near}"?`,
  });
}
