import { existsSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";

/** The version of flow that a workspace's flow.yaml names. */
export interface PinnedFlow {
  version: string;
  home: string;
  /** Its program; undefined when it is not installed there. */
  main: string | undefined;
}

/**
 * What the workspace around `cwd` (or FLOW_HOME) pins. Asked before anything else is loaded, so it takes neither a
 * parser nor a promise. FLOW_IGNORE_PIN=1 makes any flow take any workspace.
 */
export function pinnedFlow(cwd: string, env: Readonly<Record<string, string | undefined>>): PinnedFlow | undefined {
  if (env.FLOW_IGNORE_PIN === "1") return undefined;
  for (let dir = cwd; ; dir = dirname(dir)) {
    const text = readWorkspace(dir);
    if (text !== undefined) return pinIn(dir, text);
    if (dirname(dir) === dir) break;
  }
  const home = env.FLOW_HOME === undefined || env.FLOW_HOME === "" ? undefined : resolve(env.FLOW_HOME);
  const text = home === undefined ? undefined : readWorkspace(home);
  return home === undefined || text === undefined ? undefined : pinIn(home, text);
}

/** Text of a workspace's flow.yaml; a repository's has no `organization`. */
function readWorkspace(dir: string): string | undefined {
  try {
    const text = readFileSync(join(dir, "flow.yaml"), "utf8");
    return /^(["']?)(?:organization|module)\1[ \t]*:/m.test(text) ? text : undefined;
  } catch {
    return undefined;
  }
}

function pinIn(home: string, text: string): PinnedFlow | undefined {
  const version = /^(["']?)flow\1[ \t]*:[ \t]*["']?([0-9A-Za-z.+-]+)/m.exec(text)?.[2];
  if (version === undefined) return undefined;
  const main = join(home, "pkg", "flow", version, "dist", "cli", "main.js");
  return { version, home, main: existsSync(main) ? main : undefined };
}
