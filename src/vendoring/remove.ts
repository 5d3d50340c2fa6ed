import { showPath } from "../core/bytes.ts";
import type { FlowContext } from "../core/context.ts";
import { FlowError } from "../core/errors.ts";
import { warn } from "../core/events.ts";
import { Git } from "../core/git/index.ts";
import { changeMirror } from "./change.ts";
import { packageAt, packagesAt } from "./git/package.ts";
import { openMirror } from "./mirror.ts";
import { importName, isGo, isPackage } from "./sources.ts";
import { mirrorStatus } from "./status.ts";
import { topFile } from "./trees.ts";
import { findPrefix } from "./find-prefix.ts";
import type { OwnManifest } from "./why.ts";
import type { AddOptions, AddResult, Mirror, PrefixEntry } from "./types.ts";

export interface RemoveOptions extends AddOptions {
  /** What the team's own repositories declare that they need. Default: nothing. */
  own?: readonly OwnManifest[];
}

/**
 * Takes prefixes out of the mirror, packages with everything that only they needed. History keeps them. Patches of ours, and
 * what a repository of ours declares that it needs, leave only after the person has agreed.
 * @throws FlowError FLOW_VENDOR_NO_PREFIX, FLOW_VENDOR_RESOLVE when others need a package, FLOW_CONFIRMATION_REQUIRED
 */
export async function removePrefixes(
  ctx: FlowContext,
  dir: string,
  names: readonly string[],
  options: RemoveOptions,
): Promise<AddResult> {
  const opened = await openMirror(ctx, dir);
  const chosen = [...new Set(names.map((name) => findPrefix(opened, name)))];
  const users = await usersOf(ctx, opened, { prefixes: chosen, own: options.own ?? [] });
  if (options.dryRun === true) for (const user of users) warn(ctx, user);
  else await agree(ctx, opened, { prefixes: chosen, users });
  const purpose = `taking ${names.join(", ")} out of the mirror`;
  return await changeMirror(ctx, dir, { purpose, options }, async (mirror, git) => {
    const remove = chosen.map((prefix) => findPrefix(mirror, prefix));
    const modules = remove.filter((prefix) => isGo(mirror.manifest.prefixes[prefix] as PrefixEntry));
    const others = remove.filter((prefix) => !modules.includes(prefix));
    return {
      git: [],
      npm: { add: [], releases: [], remove: await leavingNames(git, mirror, others) },
      ...(modules.length === 0 ? {} : { go: { add: new Map(), remove: modules } }),
      remove: others,
    };
  });
}

/** @throws FlowError FLOW_VENDOR_DIRTY for changes that no commit holds, FLOW_CANCELLED when the person keeps their patches */
async function agree(
  ctx: FlowContext,
  mirror: Mirror,
  { prefixes, users }: { prefixes: readonly string[]; users: readonly string[] },
): Promise<void> {
  const chosen = (await mirrorStatus(ctx, mirror)).filter(({ prefix }) => prefixes.includes(prefix));
  const changes = chosen.flatMap((status) => status.changes);
  if (changes.length > 0) {
    throw new FlowError(
      "FLOW_VENDOR_DIRTY",
      `changes that no commit holds would be lost:\n  ${changes.map(showPath).join("\n  ")}`,
      {
        hint: "commit them or put them away, and run the command again",
      },
    );
  }
  const patched = chosen.filter((status) => status.patched).map(({ prefix }) => prefix);
  const reasons = [...users, ...(patched.length === 0 ? [] : [`${patched.join(", ")} holds patches of ours`])];
  if (reasons.length === 0) return;
  if (await ctx.confirm(`${reasons.join("; ")}. Take it out all the same?`)) return;
  throw new FlowError("FLOW_CANCELLED", "nothing was changed");
}

/** Who of ours says that it needs what leaves, a sentence for each package. */
async function usersOf(
  ctx: FlowContext,
  mirror: Mirror,
  { prefixes, own }: { prefixes: readonly string[]; own: readonly OwnManifest[] },
): Promise<string[]> {
  const names = await packageNames(new Git(ctx, mirror.dir), mirror, prefixes);
  return names.flatMap((name) => {
    const users = own.filter(({ dependencies }) => Object.hasOwn(dependencies, name)).map(({ path }) => path);
    return users.length === 0 ? [] : [`${name} is what ${users.join(", ")} needs`];
  });
}

/** Names by which services import prefixes; those that no service can import are left out. */
async function packageNames(git: Git, mirror: Mirror, prefixes: readonly string[]): Promise<string[]> {
  const manifests = await packagesAt(
    git,
    prefixes.map((prefix) => `${mirror.head}:${prefix}`),
  );
  return prefixes.flatMap((prefix, index) => {
    const fromRegistry = isPackage(mirror.manifest.prefixes[prefix] as PrefixEntry);
    if (fromRegistry) return prefix === `node_modules/${importName(prefix)}` ? [importName(prefix)] : [];
    return manifests[index]?.name ?? [];
  });
}

/**
 * Names that the mirror's package.json asks for, because of the prefixes that leave.
 * @throws FlowError FLOW_VENDOR_RESOLVE for a package that nobody asked for by itself
 */
async function leavingNames(git: Git, mirror: Mirror, prefixes: readonly string[]): Promise<string[]> {
  const { dependencies = {} } = JSON.parse((await topFile(git, "package.json", mirror.head)) ?? "{}") as {
    dependencies?: Record<string, string>;
  };
  const names: string[] = [];
  for (const prefix of prefixes) {
    const fromRegistry = isPackage(mirror.manifest.prefixes[prefix] as PrefixEntry);
    const name = fromRegistry ? importName(prefix) : (await packageAt(git, `${mirror.head}:${prefix}`))?.name;
    const asked = typeof name === "string" && Object.hasOwn(dependencies, name);
    if (asked) names.push(name);
    if (fromRegistry && (!asked || prefix !== `node_modules/${name}`)) {
      throw new FlowError("FLOW_VENDOR_RESOLVE", `${prefix} is there only because other packages need it`, {
        hint: "remove the package that was asked for: package.json in the mirror names those",
      });
    }
  }
  return names;
}
