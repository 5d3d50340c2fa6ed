import { createClient } from "@connectrpc/connect";
import { connectNodeAdapter, createGrpcTransport } from "@connectrpc/connect-node";
import { createServer } from "node:http2";
import type { AddressInfo } from "node:net";
import { Bench } from "../../../fixtures/proto/test/bench_pb.ts";
import { chunkOf, get, type Peer } from "../peer.ts";

export const peer: Peer = {
  serve: async () => {
    const server = createServer(
      connectNodeAdapter({
        routes: (router) =>
          router.service(Bench, {
            get: (request) => get(request),
            read: async function* ({ bytes }) {
              for (;;) yield chunkOf(bytes);
            },
          }),
      }),
    );
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return (server.address() as AddressInfo).port;
  },
  connect: (port) => {
    const client = createClient(Bench, createGrpcTransport({ baseUrl: `http://127.0.0.1:${port}` }));
    return {
      get: (request) => client.get(request),
      read: async (bytes, take) => {
        for await (const chunk of client.read({ bytes })) if (!take(chunk)) return;
      },
    };
  },
};
