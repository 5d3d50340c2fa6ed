import { showPath } from "../core/bytes.ts";
import type { FlowContext } from "../core/context.ts";
import { FlowError } from "../core/errors.ts";
import type { Git } from "../core/git/index.ts";
import { changeMirror } from "./change.ts";
import { packageAt } from "./git/package.ts";
import { openMirror } from "./mirror.ts";
import { importName, isGo, isPackage } from "./sources.ts";
import { mirrorStatus } from "./status.ts";
import { topFile } from "./trees.ts";
import { findPrefix } from "./update.ts";
import type { AddOptions, AddResult, Mirror, PrefixEntry } from "./types.ts";

/**
 * Takes prefixes out of the mirror, packages with everything that only they needed. History keeps them. Patches of ours
 * leave only after the person has agreed.
 * @throws FlowError FLOW_VENDOR_NO_PREFIX, FLOW_VENDOR_RESOLVE when others need a package, FLOW_CONFIRMATION_REQUIRED
 */
export async function removePrefixes(
  ctx: FlowContext,
  dir: string,
  names: readonly string[],
  options: AddOptions,
): Promise<AddResult> {
  const opened = await openMirror(ctx, dir);
  const chosen = [...new Set(names.map((name) => findPrefix(opened, name)))];
  if (options.dryRun !== true) await agree(ctx, opened, chosen);
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
async function agree(ctx: FlowContext, mirror: Mirror, prefixes: readonly string[]): Promise<void> {
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
  if (patched.length === 0) return;
  if (await ctx.confirm(`${patched.join(", ")} holds patches of ours. Take it out all the same?`)) return;
  throw new FlowError("FLOW_CANCELLED", "nothing was changed");
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
