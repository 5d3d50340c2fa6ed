import { join } from "node:path";
import type { FlowContext } from "./context.ts";

type Environment = FlowContext["env"];

/** Flow's own cache, `${XDG_CACHE_HOME:-~/.cache}/flow`: the one place outside a workspace that flow writes to. */
export function cacheDirectory(env: Environment): string {
  const base = env.XDG_CACHE_HOME || (env.HOME === undefined ? undefined : join(env.HOME, ".cache"));
  if (base === undefined) return join("/tmp", "flow-cache");
  return join(base, "flow");
}

/** Where everything of a workspace lies; see ARCHITECTURE.md. */
export function workspacePaths(home: string, module: string) {
  const source = join(home, "src", ...module.split("/"));
  const state = join(home, ".flow");
  const packages = join(home, "pkg");
  return {
    home,
    file: join(home, "flow.yaml"),
    bin: join(home, "bin"),
    config: join(home, "config"),
    scripts: join(home, "scripts"),
    nodeModules: join(home, "node_modules"),
    mirrorRemote: join(home, "mirror.git"),
    source,
    mirror: join(source, "vendor"),
    packages,
    node: join(packages, "node"),
    flow: join(packages, "flow"),
    generations: join(packages, "generations"),
    /** Link to the generation in use: one rename switches Node, flow and every tool. */
    current: join(packages, "current"),
    tools: join(packages, "tools"),
    caches: join(packages, "cache"),
    builds: join(packages, "builds"),
    state,
    run: join(state, "run"),
    gen: join(state, "gen"),
    logs: join(state, "logs"),
    consul: join(state, "consul"),
  } as const;
}

export type WorkspacePaths = ReturnType<typeof workspacePaths>;
