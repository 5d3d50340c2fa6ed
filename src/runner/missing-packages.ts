import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Repository, Workspace } from "../config/index.ts";
import type { FlowContext } from "../core/context.ts";
import { warn } from "../core/events.ts";
import { readJson } from "../core/json.ts";

/**
 * Tells of packages that services declare and Node will not find, and which command brings them: the mirror may hold them
 * outside of a sparse clone's work tree, or not at all. Costs nothing but a look at files while all are there.
 */
export async function warnOfMissingPackages(
  ctx: FlowContext,
  { paths }: Workspace,
  repositories: Iterable<Repository>,
): Promise<void> {
  for (const { name, dir } of new Map([...repositories].map((repository) => [repository.dir, repository])).values()) {
    const manifest = (await readJson(join(dir, "package.json")).catch(() => undefined)) as
      | { dependencies?: Record<string, string> }
      | undefined;
    const missing = Object.keys(manifest?.dependencies ?? {}).filter(
      (dependency) =>
        ![paths.nodeModules, join(dir, "node_modules")].some((place) => existsSync(join(place, dependency))),
    );
    if (missing.length === 0) continue;
    const { openMirror } = await import("../vendoring/index.ts");
    const mirror = await openMirror(ctx, paths.mirror).catch(() => undefined);
    const held = missing.filter((dependency) => mirror?.manifest.prefixes[`node_modules/${dependency}`] !== undefined);
    const others = missing.filter((dependency) => !held.includes(dependency));
    if (held.length > 0)
      warn(
        ctx,
        `${name} needs ${held.join(", ")}, which is in the mirror and not in its work tree here: flow vendor sync`,
      );
    if (others.length > 0) {
      const specs = others.map((dependency) => `npm:${dependency}`).join(" ");
      warn(
        ctx,
        `${name} needs ${others.join(", ")}, which is not linked here. Is it in the mirror? flow vendor add ${specs}`,
      );
    }
  }
}
