import type { Transport } from "../transport.ts";
import { NativeConnection } from "./connection.ts";
import { listenNative } from "./listener.ts";

/** gRPC on our own HTTP/2 (`src/http2`). */
export const nativeTransport: Transport = {
  name: "native",
  capabilities: { knowsUnprocessed: true, knowsDraining: true, acceptsUnknownMethods: true },
  connect: (endpoint, options) => new NativeConnection(endpoint, options),
  listen: listenNative,
};
