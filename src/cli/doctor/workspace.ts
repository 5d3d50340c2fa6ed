import { access, constants } from "node:fs/promises";
import { delimiter } from "node:path";
import { findWorkspaceRoot, loadServices, loadWorkspaceAt, type Workspace } from "../../config/index.ts";
import type { FlowContext } from "../../core/context.ts";
import { check, type CheckResult, type Finding } from "./check.ts";

/** Checks of the workspace around `ctx.cwd`; none outside of one. */
export async function checkWorkspace(ctx: FlowContext): Promise<CheckResult[]> {
  const root = await findWorkspaceRoot(ctx);
  if (root === undefined) return [];
  let workspace: Workspace | undefined;
  const configuration = await check("configuration", async () => {
    workspace = await loadWorkspaceAt(root, ctx.env);
    const services = await loadServices(workspace);
    return { status: "ok", detail: `${workspace.paths.file}, ${services.size} services` };
  });
  if (workspace === undefined) return [configuration];
  const found = workspace;
  return [configuration, await check("activation", () => checkActivation(ctx, found))];
}

async function checkActivation(ctx: FlowContext, { paths }: Workspace): Promise<Finding> {
  await access(paths.bin, constants.R_OK);
  if ((ctx.env.PATH ?? "").split(delimiter)[0] === paths.bin)
    return { status: "ok", detail: `${paths.bin} is first on PATH` };
  return {
    status: "warning",
    detail: "the workspace's tools are not on PATH",
    fix: `source ${paths.home}/flow.sh, or use flow exec -- COMMAND`,
  };
}
