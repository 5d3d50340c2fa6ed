import { join } from "node:path";
import { glob } from "tinyglobby";
import { loadRepositories, type Repository, type Workspace } from "../config/index.ts";
import { readJson } from "../core/json.ts";
import { flowPrefix, heldNodePrefix } from "../toolchain/index.ts";
import type { Needs } from "../vendoring/index.ts";

/** What a workspace needs of its mirror: flow, Node, the tools of flow.yaml, and what its repositories declare. */
export async function workspaceNeeds(workspace: Workspace): Promise<Needs> {
  const { tools = {}, vendor = {} } = workspace.definition;
  const definitions = Object.values(tools);
  const repositories = await loadRepositories(workspace);
  const declared = await Promise.all(repositories.map(declaredPackages));
  const builds = [...(vendor.installScripts ?? []), ...Object.keys(vendor.build ?? {})];
  const named = (key: "npm" | "file") => definitions.flatMap((tool) => tool[key] ?? []);
  return {
    packages: [
      flowPrefix.replace("node_modules/", ""),
      ...named("npm"),
      ...declared.flat(),
      // What builds packages is a package itself.
      ...(builds.length > 0 ? ["node-gyp"] : []),
    ],
    prefixes: [heldNodePrefix],
    files: named("file"),
    go:
      definitions.some(({ go }) => go !== undefined) ||
      repositories.some(({ definition }) => definition.go === "mirror"),
  };
}

const fields = ["dependencies", "devDependencies", "optionalDependencies", "peerDependencies"] as const;

/** Names that any package.json of a repository asks for. */
export async function declaredPackages({ dir }: Pick<Repository, "dir">): Promise<string[]> {
  const files = await glob("**/package.json", {
    cwd: dir,
    ignore: ["**/node_modules/**", "**/vendor/**", "**/testdata/**"],
    followSymbolicLinks: false,
  });
  const names = new Set<string>();
  for (const file of files) {
    const manifest = (await readJson(join(dir, file)).catch(() => undefined)) as
      | Partial<Record<(typeof fields)[number], Record<string, string>>>
      | undefined;
    for (const field of fields) for (const name of Object.keys(manifest?.[field] ?? {})) names.add(name);
  }
  return [...names];
}
