// The product service: one thin method per RPC. Yours to edit; `flow new rpc` adds a method and its import.
import { serve, Service, type Context, type Server } from "goflow/runtime";
import {
  registerProduct,
  type ProductGet,
  type ProductSearch,
  type ProductUpdate,
} from "@{{organization}}/{{name}}/rpc/common";
import { closeModel } from "./internal/model/product_model.ts";
import { productGet } from "./internal/product_get/product_get.ts";
import { productSearch } from "./internal/product_search/product_search.ts";
import { productUpdate } from "./internal/product_update/product_update.ts";

export class ProductService extends Service {
  override desc() {
    return "product service";
  }

  override register(server: Server) {
    registerProduct(server, this);
  }

  override async close() {
    closeModel();
  }

  async get(ctx: Context, request: ProductGet) {
    return await productGet(ctx, request);
  }

  async search(ctx: Context, request: ProductSearch) {
    return await productSearch(ctx, request);
  }

  async update(ctx: Context, request: ProductUpdate) {
    return await productUpdate(ctx, request);
  }
}

if (import.meta.main) await serve(new ProductService());
