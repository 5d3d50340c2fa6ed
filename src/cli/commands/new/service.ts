import { defineCommand } from "../../command.ts";
import { generateAfter, renderSkeleton } from "./skeleton-report.ts";

export const command = defineCommand({
  name: "new service",
  summary: "lay out a service: proto, class, first RPC, entry in flow.yaml",
  examples: [
    {
      command: "flow new service basket",
      explanation: "service basket with common.Basket/Get, in the repository you are in",
    },
    {
      command: "flow new service basket --package trade --repo shop",
      explanation: "as trade.Basket, in repository shop",
    },
  ],
  arguments: [{ syntax: "<name>", description: "its name in flow.yaml and in Consul" }],
  options: [
    { flags: "--package <name>", description: "proto package", default: "common" },
    { flags: "--repo <name>", description: "repository, default the one you are in" },
  ],
  mutates: true,
  run: async (ctx, { args, options }) => {
    const { findTarget } = await import("../../../codegen/index.ts");
    const { newService } = await import("../../../codegen/skeleton/index.ts");
    const dryRun = options.dryRun === true;
    const result = await newService(ctx, await findTarget(ctx), {
      name: args.name as string,
      package: options.package as string,
      repository: options.repo as string | undefined,
      dryRun,
    });
    if (!dryRun) await generateAfter(ctx);
    return { ...result, dryRun };
  },
  render: renderSkeleton,
});
