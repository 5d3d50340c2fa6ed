import { environment } from "../../environment.ts";
import { Code } from "../../code.ts";
import { RpcError } from "../../error.ts";
import { grpcJsTransport } from "./grpc-js/index.ts";
import { nativeTransport } from "./native/index.ts";
import { defaultTransport, transportNames, type TransportName } from "./names.ts";
import type { Transport } from "./transport.ts";

export * from "./transport.ts";

const transports: Readonly<Record<TransportName, Transport>> = { "grpc-js": grpcJsTransport, native: nativeTransport };

/** The transport of that name, default FLOW_TRANSPORT or {@link defaultTransport}. @throws RpcError INVALID_ARGUMENT */
export function selectTransport(name: string | undefined = environment.transport): Transport {
  const known = transportNames.find((other) => other === (name ?? defaultTransport));
  if (known === undefined) {
    throw new RpcError(
      Code.InvalidArgument,
      `there is no transport "${name}" (FLOW_TRANSPORT); there is: ${transportNames.join(", ")}`,
    );
  }
  return transports[known];
}
