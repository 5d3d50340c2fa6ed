import { create } from "@bufbuild/protobuf";
import type { ServiceDefinition } from "@grpc/grpc-js";
import { createChannel, createClient, createServer } from "nice-grpc";
import { Bench, ChunkSchema, ProductSchema } from "../../../fixtures/proto/test/bench_pb.ts";
import { chunkOf, get, type Chunk, type Lookup, type Peer, type Product } from "../peer.ts";
import { service } from "./grpc-js.ts";

const definition = service as unknown as ServiceDefinition;

interface NiceClient {
  get(request: Lookup): Promise<Product>;
  read(request: { bytes: number }): AsyncIterable<Chunk>;
}

export const peer: Peer = {
  serve: async () => {
    const server = createServer();
    server.add(definition, {
      get: async (request: Lookup) => create(ProductSchema, get(request)),
      read: async function* ({ bytes }: { bytes: number }) {
        for (;;) yield create(ChunkSchema, chunkOf(bytes));
      },
    });
    return await server.listen("127.0.0.1:0");
  },
  connect: (port) => {
    const client = createClient(definition, createChannel(`127.0.0.1:${port}`)) as unknown as NiceClient;
    return {
      get: (request) => client.get(create(Bench.method.get.input, request)),
      read: async (bytes, take) => {
        for await (const chunk of client.read(create(Bench.method.read.input, { bytes }))) if (!take(chunk)) return;
      },
    };
  },
};
