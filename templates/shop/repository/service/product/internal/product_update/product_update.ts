// Implements /common.Product/Update. Yours to edit.
import { Code, RpcError, type Context } from "goflow/runtime";
import type { ProductUpdate } from "@{{organization}}/{{name}}/rpc/common";
import { productItem, productNotFound } from "../model/product_item.ts";
import { changeProduct, findProduct } from "../model/product_model.ts";

export async function productUpdate(ctx: Context, request: ProductUpdate) {
  ctx.setField("productId", request.id);
  const { id, name, price, stockChange } = request;
  const changed = changeProduct(id, { name, price, stock: stockChange });
  if (changed !== undefined) return { product: productItem(changed) };

  const row = findProduct(id);
  if (row === undefined) throw ctx.trace(productNotFound(id));
  const fields = { productId: id, stock: String(row.stock) };
  throw ctx.trace(new RpcError(Code.FailedPrecondition, `only ${row.stock} of ${row.name} left`, { reason: "OUT_OF_STOCK", fields }));
}
