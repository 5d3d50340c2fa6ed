import type { FlowContext } from "../core/context.ts";
import { FlowError } from "../core/errors.ts";
import { fetchGitSources } from "./add.ts";
import { changeMirror } from "./change.ts";
import { findPrefix } from "./find-prefix.ts";
import { importName, isGit, isGo, isNpm, isRelease, unknownSource } from "./sources.ts";
import type { AddOptions, AddResult, PrefixEntry } from "./types.ts";

export interface UpdateOptions extends AddOptions {
  /** Imports what the mirror's committed package.json and lock say, as an update robot edits them. */
  fromLock?: boolean;
  /** Take a tag that upstream moved as it is now. Default: refuse. */
  allowMovedTag?: boolean;
}

/**
 * Moves prefixes to what their ref or range gives now; patches of ours are merged. Without names: all.
 * `options.ref` moves one git source to another ref.
 * @throws FlowError FLOW_VENDOR_CONFLICT naming the files, FLOW_VENDOR_NO_PREFIX
 */
export async function updatePrefixes(
  ctx: FlowContext,
  dir: string,
  names: readonly string[],
  options: UpdateOptions,
): Promise<AddResult> {
  if (options.fromLock === true) return await updateFromLock(ctx, dir, names, options);
  if (options.ref !== undefined && names.length !== 1) {
    throw new FlowError("FLOW_USAGE", "--ref says where one git source goes: name that one", {
      hint: "for example: flow vendor update github.com/org/repo --ref v2.0.0",
    });
  }
  return await changeMirror(ctx, dir, { purpose: "updating the mirror", options }, async (mirror, git) => {
    const { prefixes } = mirror.manifest;
    const named = names.map((name) => findPrefix(mirror, name));
    for (const prefix of named) refuseUpdate(prefix, prefixes[prefix] as PrefixEntry, options);
    const chosen = (named.length === 0 ? Object.keys(prefixes) : named).map((prefix) => ({
      prefix,
      entry: prefixes[prefix] as PrefixEntry,
    }));
    const fetched = await fetchGitSources(
      ctx,
      git,
      chosen
        .filter(({ entry }) => isGit(entry))
        .map(({ prefix, entry }) => ({
          url: entry.source,
          ref: options.ref ?? entry.ref,
          prefix,
          ...(options.allowMovedTag === true ? {} : { recorded: entry }),
        })),
    );
    const modules = chosen.filter(({ entry }) => isGo(entry) && (named.length > 0 || !isExact(entry)));
    const packages = chosen.filter(({ entry }) => isNpm(entry)).map(({ prefix }) => importName(prefix));
    return {
      git: fetched,
      npm: {
        add: [],
        releases: [],
        ...(packages.length === 0 ? {} : { update: named.length === 0 ? ("all" as const) : packages }),
      },
      ...(modules.length === 0
        ? {}
        : { go: { add: new Map(modules.map(({ prefix, entry }) => [prefix, options.ref ?? entry.ref])) } }),
    };
  });
}

async function updateFromLock(
  ctx: FlowContext,
  dir: string,
  names: readonly string[],
  options: AddOptions,
): Promise<AddResult> {
  if (names.length > 0 || options.ref !== undefined) {
    throw new FlowError("FLOW_USAGE", "--from-lock imports all that the lock says: it takes no prefix and no --ref");
  }
  return await changeMirror(ctx, dir, { purpose: "importing what the lock says", options }, () =>
    Promise.resolve({ git: [], npm: { add: [], releases: [], fromLock: true } }),
  );
}

/** A Go module that came along, or was asked for at one version, moves only when somebody says where to. */
function isExact({ ref, version }: PrefixEntry): boolean {
  return ref === version;
}

function refuseUpdate(prefix: string, entry: PrefixEntry, { ref }: AddOptions): void {
  if (entry.source === unknownSource) {
    throw new FlowError("FLOW_VENDOR_BAD_SPEC", `nobody told flow where ${prefix} comes from: it was added by hand`, {
      hint: `flow vendor add URL@REF --prefix ${prefix}`,
    });
  }
  if (isRelease(entry)) {
    throw new FlowError("FLOW_VENDOR_BAD_SPEC", `${prefix} is a packed release, which no registry knows`, {
      hint: "add the newer one: flow vendor add file:/path/to/release.tgz",
    });
  }
  if (ref !== undefined && !isGit(entry) && !isGo(entry)) {
    throw new FlowError("FLOW_USAGE", `${prefix} is a package: --ref is for git sources`, {
      hint: `flow vendor add npm:${importName(prefix)}@RANGE moves it to another range`,
    });
  }
}
