// The order service: one thin method per RPC. Yours to edit; `flow new rpc` adds a method and its import.
import { serve, Service, type Context, type Server } from "goflow/runtime";
import { registerOrder, type OrderCreate, type OrderGet } from "@{{organization}}/{{name}}/rpc/trade";
import { closeModel } from "./internal/model/order_model.ts";
import { orderCreate } from "./internal/order_create/order_create.ts";
import { orderGet } from "./internal/order_get/order_get.ts";

export class OrderService extends Service {
  override desc() {
    return "order service";
  }

  override register(server: Server) {
    registerOrder(server, this);
  }

  override async close() {
    closeModel();
  }

  async create(ctx: Context, request: OrderCreate) {
    return await orderCreate(ctx, request);
  }

  async get(ctx: Context, request: OrderGet) {
    return await orderGet(ctx, request);
  }
}

if (import.meta.main) await serve(new OrderService());
