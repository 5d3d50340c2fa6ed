import { reading, type Routes } from "../http/router.ts";
import { json, type Services } from "./services.ts";

/** https://developer.hashicorp.com/consul/api-docs/status: this agent leads, and is alone. */
export function statusRoutes(services: Services): Routes {
  const { config } = services;
  const address = `${config.advertise}:${config.serverPort}`;
  return reading(["dc", "consistency", "blocking"], {
    "/v1/status/leader": { GET: (request) => json(services, request, address) },
    "/v1/status/peers": { GET: (request) => json(services, request, [address]) },
  });
}
