import type { Transport } from "../transport.ts";
import { GrpcJsConnection } from "./connection.ts";
import { listenGrpcJs } from "./listener.ts";

/** `@grpc/grpc-js`, one client per endpoint, none of its experimental resolver or balancer API. */
export const grpcJsTransport: Transport = {
  name: "grpc-js",
  capabilities: { knowsUnprocessed: false, knowsDraining: false, acceptsUnknownMethods: false },
  connect: (endpoint, options) => new GrpcJsConnection(endpoint, options),
  listen: listenGrpcJs,
};
