import type { Workspace } from "../../config/index.ts";
import type { FlowContext } from "../../core/context.ts";
import { skipStep, step } from "../../core/events.ts";
import { defaultPackages, installTools, type InstalledTool } from "../../toolchain/index.ts";
import { addSources, pushMirror } from "../../vendoring/index.ts";
import { addOptions, isMaker, type MirrorState } from "./state.ts";

/** The tools' packages in the mirror, where this workspace fills it, and the tools installed out of it. */
export async function bringTools(ctx: FlowContext, workspace: Workspace, state: MirrorState): Promise<InstalledTool[]> {
  const { mirror } = state;
  const missing = isMaker(state)
    ? Object.entries(defaultPackages).filter(([name]) => mirror.manifest.prefixes[`node_modules/${name}`] === undefined)
    : [];
  const described = { id: "bootstrap.tools", title: "Tools" };
  if (missing.length === 0) {
    const tools = await installTools(ctx, workspace);
    const changed = tools.filter((tool) => tool.changed).length;
    skipStep(ctx, { ...described, detail: changed === 0 ? "all are installed" : `${changed} installed` });
    return tools;
  }
  return await step(ctx, described, async ({ progress, result }) => {
    progress("adding their packages to the mirror");
    const specs = missing.map(([name, version]) => `npm:${name}@${version}`);
    await addSources(ctx, mirror.dir, specs, addOptions(ctx, workspace));
    await pushMirror(ctx, mirror.dir);
    const tools = await installTools(ctx, workspace);
    result(tools.map(({ name, version }) => `${name} ${version}`).join(", "));
    return tools;
  });
}
