import { dirname, join } from "node:path";
import type { FlowContext } from "../core/context.ts";
import { cacheDirectory } from "../core/paths.ts";
import { readPin } from "../core/pins.ts";
import { firstOnPath } from "./environment.ts";

/** What a contributor's shell needs in a checkout of flow: its Node, the pinned npm, and the development tools. */
export async function checkoutVariables({ installation, env }: FlowContext): Promise<Record<string, string>> {
  const cache = cacheDirectory(env);
  const npm = join(cache, "npm", await readPin(installation.root, "FLOW_NPM_VERSION"), "bin");
  const directories = [npm, dirname(installation.nodePath), join(installation.root, "node_modules", ".bin")];
  return { npm_config_cache: join(cache, "npm-cache"), PATH: firstOnPath(directories, env.PATH) };
}
