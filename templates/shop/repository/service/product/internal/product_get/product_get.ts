// Implements /common.Product/Get. Yours to edit.
import { formatMoney } from "@acme-labs/money";
import type { Context } from "goflow/runtime";
import type { ProductGet } from "@{{organization}}/{{name}}/rpc/common";
import { productItem, productNotFound } from "../model/product_item.ts";
import { findProduct } from "../model/product_model.ts";

export async function productGet(ctx: Context, request: ProductGet) {
  ctx.setField("productId", request.id);
  const row = findProduct(request.id);
  if (row === undefined) throw ctx.trace(productNotFound(request.id));
  return { product: productItem(row), priceText: formatMoney(row.price, row.currency) };
}
