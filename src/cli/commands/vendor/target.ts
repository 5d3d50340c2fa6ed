import { join, relative } from "node:path";
import type { VendorDefinition, Workspace } from "../../../config/index.ts";
import type { AddOptions, OwnManifest } from "../../../vendoring/index.ts";
import type { CliContext, Invocation, OptionSpec } from "../../command.ts";

export interface VendorTarget {
  /** What flow.yaml says of the mirror. */
  definition: VendorDefinition;
  /** The workspace around; undefined in a repository that stands alone. */
  workspace: Workspace | undefined;
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
  const { findRepository, findWorkspaceRoot, loadRepository, loadWorkspaceAt } =
    await import("../../../config/index.ts");
  const { cacheDirectory } = await import("../../../core/paths.ts");
  const home = await findWorkspaceRoot(ctx);
  const workspace = home === undefined ? undefined : await loadWorkspaceAt(home, ctx.env);
  const alone = workspace === undefined ? findRepository(ctx.cwd) : undefined;
  const definition =
    workspace?.definition ?? (alone === undefined ? undefined : (await loadRepository(alone)).definition);
  const platforms = (options.platform as string[] | undefined) ?? workspace?.definition.platforms;
  return {
    definition: definition?.vendor ?? {},
    workspace,
    dir: workspace?.paths.mirror ?? ctx.cwd,
    options: {
      cache: join(workspace?.paths.caches ?? cacheDirectory(ctx.env), "npm"),
      ownNames: [
        "goflow",
        ...(workspace === undefined ? [] : [`@${workspace.definition.organization}`, workspace.definition.module]),
      ],
      dryRun: options.dryRun === true,
      ...(platforms === undefined ? {} : { platforms }),
      ...(typeof options.prefix === "string" ? { prefix: options.prefix } : {}),
      ...(typeof options.lock === "string" ? { lock: options.lock } : {}),
      ...(typeof options.ref === "string" ? { ref: options.ref } : {}),
    },
  };
}

/** What the repositories of a workspace declare that they need. */
export async function ownManifests({ definition, paths }: Workspace): Promise<OwnManifest[]> {
  const { readJson } = await import("../../../core/json.ts");
  const found: OwnManifest[] = [];
  for (const name of Object.keys(definition.repositories ?? {})) {
    const file = join(paths.source, name, "package.json");
    const manifest = (await readJson(file)) as Record<string, Record<string, string> | undefined> | undefined;
    if (manifest === undefined) continue;
    const { dependencies, devDependencies, optionalDependencies, peerDependencies } = manifest;
    found.push({
      path: relative(paths.home, file),
      dependencies: { ...peerDependencies, ...devDependencies, ...optionalDependencies, ...dependencies },
    });
  }
  return found;
}

/** Makes services find what the mirror holds now; outside of a workspace nothing leads to it but Node's own lookup. */
export async function refreshAfter(ctx: CliContext, { workspace, options }: VendorTarget): Promise<void> {
  if (workspace === undefined || options.dryRun === true) return;
  const { refreshWorkspace } = await import("../../../workspace/index.ts");
  await refreshWorkspace(ctx, workspace);
}
