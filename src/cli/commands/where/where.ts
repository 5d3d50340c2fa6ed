import { relative } from "node:path";
import { defineCommand } from "../../command.ts";

export const command = defineCommand({
  name: "where",
  summary: "say which file implements an RPC",
  examples: [
    { command: "flow where /common.Product/Get", explanation: "…/service/product/internal/product_get/product_get.ts" },
    { command: "flow where product.Get --json", explanation: "implementation, service class and proto with its line" },
  ],
  arguments: [{ syntax: "<method>", description: "/package.Service/Method, or service.Method" }],
  run: async (ctx, { args }) => {
    const { findTarget, locateMethod } = await import("../../../codegen/index.ts");
    return await locateMethod(ctx, await findTarget(ctx), { name: args.method as string });
  },
  render: ({ method, implementation, proto }, ctx) => {
    const path = (absolute: string) => relative(ctx.cwd, absolute) || absolute;
    const missing = implementation.exists ? "" : `  (not there yet: flow new rpc ${method})`;
    return `${path(implementation.file)}${missing}\n${path(proto.file)}:${proto.line}`;
  },
});
