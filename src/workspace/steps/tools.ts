import type { Workspace } from "../../config/index.ts";
import type { FlowContext } from "../../core/context.ts";
import { step } from "../../core/events.ts";
import { installTools, type InstalledTool } from "../../toolchain/index.ts";

/** The tools of flow.yaml, out of the mirror as it is now. */
export async function bringTools(ctx: FlowContext, workspace: Workspace): Promise<InstalledTool[]> {
  return await step(ctx, { id: "bootstrap.tools", title: "Tools" }, async ({ result }) => {
    const tools = await installTools(ctx, workspace);
    const changed = tools.filter((tool) => tool.changed).length;
    result(changed === 0 ? "all are installed" : `${changed} installed`);
    return tools;
  });
}
