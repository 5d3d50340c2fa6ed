// Implements /trade.Order/Create. Yours to edit.
import { nanoid } from "nanoid";
import { Code, RpcError, type Context } from "goflow/runtime";
import { getProduct } from "@{{organization}}/{{name}}/rpc/common";
import type { OrderCreate } from "@{{organization}}/{{name}}/rpc/trade";
import { priceText } from "@{{organization}}/{{name}}/sdk/product";
import { saveOrder } from "../model/order_model.ts";

export async function orderCreate(ctx: Context, request: OrderCreate) {
  const { productId } = request;
  const quantity = request.quantity || 1;
  ctx.setField("productId", productId);
  if (quantity < 0) {
    throw ctx.trace(new RpcError(Code.InvalidArgument, "quantity must be positive", { reason: "BAD_QUANTITY" }));
  }

  // Calls of another service read as local ones. An error of product arrives here with its own stack.
  const { product } = await getProduct().update(ctx, { id: productId, stockChange: -quantity });
  if (product === undefined) throw ctx.trace(new RpcError(Code.Internal, "product answered without a product"));

  const order = { id: nanoid(10), productId, productName: product.name, quantity, total: priceText(product, quantity) };
  saveOrder(order);
  ctx.log.info("order created", { orderId: order.id, quantity });
  return { order };
}
