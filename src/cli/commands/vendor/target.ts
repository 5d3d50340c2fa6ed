import { join } from "node:path";
import type { AddOptions } from "../../../vendoring/index.ts";
import type { CliContext, Invocation, OptionSpec } from "../../command.ts";

export interface VendorTarget {
  /** Where the mirror is looked for. */
  dir: string;
  options: AddOptions;
}

/** Options of the verbs that bring something into the mirror. */
export const platformOption: OptionSpec = {
  flags: "--platform <name...>",
  description: "hold binaries for these, e.g. linux-x64 (default: those of flow.yaml, else this machine's)",
};

/** The workspace's mirror; outside of a workspace the repository itself is the mirror. */
export async function vendorTarget(ctx: CliContext, options: Invocation["options"] = {}): Promise<VendorTarget> {
  const { findWorkspaceRoot, loadWorkspaceAt } = await import("../../../config/index.ts");
  const { cacheDirectory } = await import("../../../core/paths.ts");
  const home = await findWorkspaceRoot(ctx);
  const workspace = home === undefined ? undefined : await loadWorkspaceAt(home, ctx.env);
  const platforms = (options.platform as string[] | undefined) ?? workspace?.definition.platforms;
  return {
    dir: workspace?.paths.mirror ?? ctx.cwd,
    options: {
      cache: join(workspace?.paths.caches ?? cacheDirectory(ctx.env), "npm"),
      ownNames: ["goflow", ...(workspace === undefined ? [] : [`@${workspace.definition.organization}`])],
      dryRun: options.dryRun === true,
      ...(platforms === undefined ? {} : { platforms }),
      ...(typeof options.prefix === "string" ? { prefix: options.prefix } : {}),
      ...(typeof options.ref === "string" ? { ref: options.ref } : {}),
    },
  };
}
