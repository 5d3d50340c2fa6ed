import { defineCommand } from "../../command.ts";
import { paint } from "../../ui/event-lines.ts";
import type { CatalogMethod, CatalogService } from "./catalog.ts";

export const command = defineCommand<{ services: CatalogService[] }>({
  name: "services",
  summary: "show what is registered in Consul: services, instances, methods and their options",
  examples: [
    { command: "flow services", explanation: "the catalog of the run" },
    { command: "flow services --consul 10.0.0.5:8500 --json", explanation: "that of any Consul, for programs" },
  ],
  options: [
    { flags: "--consul <host:port>", description: "Consul agent to ask, default the run's or FLOW_CONSUL_ADDR" },
  ],
  run: async (ctx, { options }) => {
    const [{ findConsul }, { readCatalog }] = await Promise.all([
      import("../call/find-consul.ts"),
      import("./catalog.ts"),
    ]);
    const consul = await findConsul(ctx, typeof options.consul === "string" ? options.consul : undefined);
    return { services: await readCatalog(consul) };
  },
  render: ({ services }, ctx) => {
    if (services.length === 0) return "No service is registered.";
    const colour = ctx.streams.stdoutColour;
    return services
      .map((service) => {
        const { name, description, passing, instances, methods, prefixes } = service;
        const health = `${passing}/${instances.length} passing`;
        const state = passing === instances.length ? "green" : passing === 0 ? "red" : "yellow";
        return [
          [paint("bold", name, colour), paint(state, health, colour), description ?? ""].join("   ").trimEnd(),
          ...instances.map(
            ({ id, address, status }) =>
              `  ${paint(status === "passing" ? "green" : "red", status, colour)}   ${address}   ${paint("dim", id, colour)}`,
          ),
          ...methods.map((method) => `  ${method.path}${optionsOf(method)}`),
          ...prefixes.map((prefix) => `  ${prefix}   HTTP`),
        ].join("\n");
      })
      .join("\n\n");
  },
});

function optionsOf({ kind, enable, public: open, upload }: CatalogMethod): string {
  const words = [
    ...(kind === undefined || kind === "unary" ? [] : [kind.replace("_", " ")]),
    ...(enable ? ["web API"] : []),
    ...(open ? ["public"] : []),
    ...(upload ? ["upload"] : []),
  ];
  return words.length === 0 ? "" : `   ${words.join(", ")}`;
}
