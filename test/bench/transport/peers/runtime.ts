import { createAccessor, createRegistrar } from "../../../../src/runtime/codegen.ts";
import { background, serve, Service, type Server } from "../../../../src/runtime/index.ts";
import { Bench } from "../../../fixtures/proto/test/bench_pb.ts";
import { chunkOf, get, type Peer } from "../peer.ts";

const register = createRegistrar(Bench);
const access = createAccessor(Bench, { service: "bench" });

class BenchService extends Service {
  override desc(): string {
    return "is measured";
  }

  override register(server: Server): void {
    register(server, {
      get: (_ctx, request) => get(request),
      read: async function* (_ctx, { bytes }) {
        for (;;) yield chunkOf(bytes);
      },
    });
  }
}

/** What a service's author uses; FLOW_TRANSPORT says what carries it. */
export const peer: Peer = {
  serve: async () => (await serve(new BenchService(), { name: "bench", port: 0, consul: false })).port,
  connect: (port) => {
    const client = access({ endpoints: [`127.0.0.1:${port}`] });
    return {
      get: (request) => client.get(background(), request),
      read: async (bytes, take) => {
        for await (const chunk of client.read(background(), { bytes })) if (!take(chunk)) return;
      },
    };
  },
};
