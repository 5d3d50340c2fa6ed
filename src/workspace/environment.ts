import { delimiter, join } from "node:path";
import type { FlowContext } from "../core/context.ts";
import type { WorkspacePaths } from "../core/paths.ts";

/**
 * What an activated workspace sets, beside its `bin/` first on PATH: where programs keep what would otherwise land
 * in the home directory. `templates/workspace/flow.sh` sets the same without starting Node.
 */
export function workspaceVariables(paths: WorkspacePaths): Record<string, string> {
  return {
    FLOW_HOME: paths.home,
    npm_config_cache: join(paths.caches, "npm"),
    BUF_CACHE_DIR: join(paths.caches, "buf"),
    GOCACHE: join(paths.caches, "go", "build"),
    GOMODCACHE: join(paths.caches, "go", "mod"),
  };
}

/** The environment of a program that runs in the workspace. Independent of whether the workspace was activated. */
export function workspaceEnvironment(
  paths: WorkspacePaths,
  env: FlowContext["env"],
): Record<string, string | undefined> {
  return { ...env, ...workspaceVariables(paths), PATH: firstOnPath([paths.bin], env.PATH) };
}

/** PATH with `directories` first, each named once. */
export function firstOnPath(directories: readonly string[], path: string | undefined): string {
  const rest = (path ?? "").split(delimiter).filter((entry) => entry !== "" && !directories.includes(entry));
  return [...directories, ...rest].join(delimiter);
}
