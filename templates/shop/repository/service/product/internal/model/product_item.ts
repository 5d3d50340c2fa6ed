import { Code, RpcError } from "goflow/runtime";
import { ProductStatus } from "@{{organization}}/{{name}}/rpc/common";
import type { ProductRow } from "./product_model.ts";

/** A product as callers see it. */
export function productItem(row: ProductRow) {
  return { ...row, status: row.stock > 0 ? ProductStatus.ON_SALE : ProductStatus.SOLD_OUT };
}

export function productNotFound(id: string): RpcError {
  return new RpcError(Code.NotFound, "product not found", { reason: "PRODUCT_NOT_FOUND", fields: { productId: id } });
}
