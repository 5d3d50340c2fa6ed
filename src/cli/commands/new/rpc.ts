import { defineCommand } from "../../command.ts";
import { generateAfter, renderSkeleton } from "./skeleton-report.ts";

export const command = defineCommand({
  name: "new rpc",
  summary: "lay out an RPC: declaration, folder, method of the service class",
  examples: [
    {
      command: "flow new rpc /common.Product/Rename",
      explanation: "the folder product_rename, its method, and the RPC in the proto",
    },
    {
      command: "flow new rpc product.Rename",
      explanation: "the same; an RPC that the proto has already gets its code only",
    },
  ],
  arguments: [{ syntax: "<method>", description: "/package.Service/Method, or service.Method" }],
  run: async (ctx, { args }) => {
    const { findTarget } = await import("../../../codegen/index.ts");
    const { newRpc } = await import("../../../codegen/skeleton/index.ts");
    const result = await newRpc(ctx, await findTarget(ctx), { name: args.method as string });
    await generateAfter(ctx);
    return result;
  },
  render: renderSkeleton,
});
