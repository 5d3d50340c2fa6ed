import type { CliContext } from "../../command.ts";

/**
 * What programs get beside the personal environment: that of the workspace around `ctx.cwd`, else, in a checkout of
 * flow, that of its contributors.
 * @throws FlowError FLOW_NOT_A_WORKSPACE
 */
export async function commandVariables(ctx: CliContext): Promise<Record<string, string>> {
  const { findWorkspaceRoot, loadWorkspace } = await import("../../../config/index.ts");
  const { checkoutVariables, firstOnPath, workspaceVariables } = await import("../../../workspace/index.ts");
  const { kind, root } = ctx.installation;
  const inCheckout = kind === "checkout" && `${ctx.cwd}/`.startsWith(`${root}/`);
  if (inCheckout && (await findWorkspaceRoot(ctx)) === undefined) return await checkoutVariables(ctx);
  const { paths } = await loadWorkspace(ctx);
  return { ...workspaceVariables(paths), PATH: firstOnPath([paths.bin], ctx.env.PATH) };
}
