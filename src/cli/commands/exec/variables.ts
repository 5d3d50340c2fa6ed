import { FlowError } from "../../../core/errors.ts";
import type { CliContext } from "../../command.ts";

/**
 * What programs get beside the personal environment: that of the workspace around `ctx.cwd`, else, in a checkout of
 * flow, that of its contributors; with `checkout` this one wherever `ctx.cwd` is.
 * @throws FlowError FLOW_NOT_A_WORKSPACE, FLOW_USAGE where there is no checkout
 */
export async function commandVariables(ctx: CliContext, { checkout = false } = {}): Promise<Record<string, string>> {
  const { findWorkspaceRoot, loadWorkspace } = await import("../../../config/index.ts");
  const { checkoutVariables, firstOnPath, workspaceVariables } = await import("../../../workspace/index.ts");
  const { kind, root } = ctx.installation;
  if (checkout && kind !== "checkout") {
    throw new FlowError("FLOW_USAGE", `this flow is a release, and no checkout: ${root}`, {
      hint: "run bin/flow of a clone of flow's repository",
    });
  }
  if (checkout) return await checkoutVariables(ctx);
  const inCheckout = kind === "checkout" && `${ctx.cwd}/`.startsWith(`${root}/`);
  if (inCheckout && (await findWorkspaceRoot(ctx)) === undefined) return await checkoutVariables(ctx);
  const { paths } = await loadWorkspace(ctx);
  return { ...workspaceVariables(paths), PATH: firstOnPath([paths.bin], ctx.env.PATH) };
}
