import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { loadWorkspaceAt } from "../config/index.ts";
import type { FlowContext } from "../core/context.ts";
import { workspacePaths } from "../core/paths.ts";
import { embeddedMirror, readRequest, type BootstrapOptions } from "./request.ts";

export interface PlannedStep {
  id: string;
  /** Null when there is nothing to do. */
  action: string | null;
}

/** What {@link bootstrapWorkspace} would do; nothing is changed. Throws as it would for what is asked wrongly. */
export async function planBootstrap(
  ctx: FlowContext,
  options: BootstrapOptions,
): Promise<{ home: string; steps: PlannedStep[] }> {
  const home = resolve(ctx.cwd, options.directory);
  const request = await readRequest(ctx, home, options);
  const workspace = existsSync(join(home, "flow.yaml")) ? await loadWorkspaceAt(home, ctx.env) : undefined;
  const { from, module, mirror = embeddedMirror, example } = request;
  const paths = workspace?.paths ?? workspacePaths(home, module ?? "MODULE");
  const mirrorUrl = workspace?.definition.mirror.url ?? mirror;
  const repositories = Object.entries(workspace?.definition.repositories ?? {});
  const missing = repositories.filter(([name, { url }]) => url !== undefined && !existsSync(join(paths.source, name)));
  const unless = (there: boolean, action: string) => (there ? null : action);
  const steps: [string, string | null][] = [
    [
      "directory",
      unless(workspace !== undefined, from === undefined ? `write flow.yaml and commit it` : `clone ${from}`),
    ],
    ["node", unless(existsSync(join(paths.bin, "node")), `bring Node into ${paths.node}`)],
    ["mirror", unless(existsSync(join(paths.mirror, ".git")), `clone ${mirrorUrl} to ${paths.mirror}`)],
    ["flow", unless(existsSync(join(paths.bin, "flow")), "bring flow into the mirror and link it in bin/")],
    ["repositories", unless(missing.length === 0, `clone ${missing.map(([name]) => name).join(", ")}`)],
    [
      "example",
      unless(
        example === undefined || request.done.includes("bootstrap.example"),
        `make ${join(paths.source, example ?? "")}`,
      ),
    ],
    ["tools", unless(existsSync(join(paths.bin, "buf")), "install the tools of flow.yaml out of the mirror")],
    ["links", unless(existsSync(paths.nodeModules), `link packages in ${paths.nodeModules}`)],
    ["generate", "generate what protos have changed"],
  ];
  return { home, steps: steps.map(([id, action]) => ({ id: `bootstrap.${id}`, action })) };
}
