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
  mutates: true,
  run: async (ctx, { args, options }) => {
    const { findTarget } = await import("../../../codegen/index.ts");
    const { newRpc } = await import("../../../codegen/skeleton/index.ts");
    const dryRun = options.dryRun === true;
    const result = await newRpc(ctx, await findTarget(ctx), { name: args.method as string, dryRun });
    if (!dryRun) await generateAfter(ctx);
    return { ...result, dryRun };
  },
  render: renderSkeleton,
});
