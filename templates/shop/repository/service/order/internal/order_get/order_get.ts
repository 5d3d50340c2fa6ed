// Implements /trade.Order/Get. Yours to edit.
import { Code, RpcError, type Context } from "goflow/runtime";
import type { OrderGet } from "@{{organization}}/{{name}}/rpc/trade";
import { findOrder } from "../model/order_model.ts";

export async function orderGet(ctx: Context, request: OrderGet) {
  ctx.setField("orderId", request.id);
  const order = findOrder(request.id);
  if (order === undefined) {
    throw ctx.trace(new RpcError(Code.NotFound, "order not found", { reason: "ORDER_NOT_FOUND" }));
  }
  return { order };
}
