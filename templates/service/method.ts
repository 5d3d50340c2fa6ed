{{header}}
import { Code, RpcError, type Context } from "goflow/runtime";
import type { {{request}} } from "{{requestModule}}";

export async function {{function}}(ctx: Context, request: {{request}}): Promise<never> {
  throw ctx.trace(new RpcError(Code.Unimplemented, "{{path}} is not written yet"));
}
