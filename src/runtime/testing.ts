/** `goflow/runtime/testing`: services in the memory of a test, with everything a call goes through but the socket. */
import { overrideTarget } from "./internal/client/targets.ts";
import { handleCall } from "./internal/server/handle.ts";
import { entriesOf, type MethodEntry } from "./internal/server/table.ts";
import { memoryTransport, offerInMemory } from "./internal/transport/memory/index.ts";
import type { Service } from "./service.ts";

export interface InMemoryService extends AsyncDisposable {
  /** Takes the service back and closes it. */
  close(): Promise<void>;
}

/**
 * Offers a service to this process under its name in Consul: `getProduct().get(ctx, …)` then reaches it with the same
 * encoding, context, deadlines and traced errors as over the network, until it is closed.
 */
export function serveInMemory(service: Service, { name }: { name: string }): InMemoryService {
  const table = new Map<string, MethodEntry>();
  service.register({
    add: (descriptor, implementation) => {
      for (const entry of entriesOf(descriptor, implementation)) table.set(entry.wire.path, entry);
    },
  });
  const withdraw = offerInMemory(name, (call) => void handleCall(call, table, name));
  const restore = overrideTarget(name, { endpoints: [`${name}:0`], transport: memoryTransport });
  const close = async () => {
    restore();
    withdraw();
    await service.close();
  };
  return { close, [Symbol.asyncDispose]: close };
}
