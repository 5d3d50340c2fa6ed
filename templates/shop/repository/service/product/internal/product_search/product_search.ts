// Implements /common.Product/Search. Yours to edit.
import type { Context } from "goflow/runtime";
import type { ProductSearch } from "@{{organization}}/{{name}}/rpc/common";
import { productItem } from "../model/product_item.ts";
import { searchProducts } from "../model/product_model.ts";

const most = 100;

export async function productSearch(_ctx: Context, request: ProductSearch) {
  const limit = request.limit > 0 ? Math.min(request.limit, most) : most;
  return { products: searchProducts(request.text, limit).map(productItem) };
}
