import { environment } from "../../environment.ts";
import { Code } from "../../code.ts";
import { RpcError } from "../../error.ts";
import { grpcJsTransport } from "./grpc-js/index.ts";
import { nativeTransport } from "./native/index.ts";
import type { Transport } from "./transport.ts";

export * from "./transport.ts";

const transports: Readonly<Record<string, Transport>> = { "grpc-js": grpcJsTransport, native: nativeTransport };

/** The transport of that name, default FLOW_TRANSPORT or grpc-js. */
export function selectTransport(name: string | undefined = environment.transport): Transport {
  const transport = transports[name ?? "grpc-js"];
  if (transport === undefined) {
    throw new RpcError(
      Code.InvalidArgument,
      `there is no transport "${name}" (FLOW_TRANSPORT); there is: ${Object.keys(transports).join(", ")}`,
    );
  }
  return transport;
}
