import { create, fromBinary, toBinary, type DescMessage, type DescMethod, type MessageShape } from "@bufbuild/protobuf";
import { Client as GrpcClient, credentials, Server, ServerCredentials, type ServiceDefinition } from "@grpc/grpc-js";
import { Bench, ChunkSchema, ProductSchema } from "../../../fixtures/proto/test/bench_pb.ts";
import { chunkOf, get, type Chunk, type Lookup, type Peer, type Product } from "../peer.ts";

function codec<T extends DescMessage>(schema: T) {
  return {
    serialize: (message: MessageShape<T>) => {
      const { buffer, byteOffset, byteLength } = toBinary(schema, message);
      return Buffer.from(buffer, byteOffset, byteLength);
    },
    deserialize: (bytes: Buffer) => fromBinary(schema, bytes),
  };
}

function definition({ localName, input, output, methodKind }: DescMethod) {
  const request = codec(input);
  const response = codec(output);
  return {
    path: `/${Bench.typeName}/${localName === "get" ? "Get" : "Read"}`,
    originalName: localName,
    requestStream: false,
    responseStream: methodKind === "server_streaming",
    requestSerialize: request.serialize,
    requestDeserialize: request.deserialize,
    responseSerialize: response.serialize,
    responseDeserialize: response.deserialize,
  };
}

/** The service as grpc-js, and what stands on it, wants it described. */
export const service = { get: definition(Bench.method.get), read: definition(Bench.method.read) };

export const peer: Peer = {
  serve: async () => {
    const server = new Server();
    server.addService(service as unknown as ServiceDefinition, {
      get: (call: { request: Lookup }, answer: (error: null, product: Product) => void) =>
        answer(null, create(ProductSchema, get(call.request))),
      read: async (call: {
        request: { bytes: number };
        cancelled: boolean;
        write(chunk: Chunk): boolean;
        on(event: string, listener: () => void): void;
      }) => {
        let goOn = (): void => {};
        call.on("drain", () => goOn());
        call.on("cancelled", () => goOn());
        while (!call.cancelled) {
          if (call.write(create(ChunkSchema, chunkOf(call.request.bytes)))) continue;
          await new Promise<void>((resolve) => (goOn = resolve));
        }
      },
    });
    return await new Promise((resolve, reject) =>
      server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) =>
        error === null ? resolve(port) : reject(error),
      ),
    );
  },
  connect: (port) => {
    const client = new GrpcClient(`127.0.0.1:${port}`, credentials.createInsecure());
    const { get: getMethod, read: readMethod } = service;
    return {
      get: (request) =>
        new Promise((resolve, reject) =>
          client.makeUnaryRequest(
            getMethod.path,
            getMethod.requestSerialize,
            getMethod.responseDeserialize,
            create(Bench.method.get.input, request),
            (error, product) => (error === null ? resolve(product as Product) : reject(error)),
          ),
        ),
      read: (bytes, take) =>
        new Promise((resolve, reject) => {
          const call = client.makeServerStreamRequest(
            readMethod.path,
            readMethod.requestSerialize,
            readMethod.responseDeserialize,
            create(Bench.method.read.input, { bytes }),
          );
          let over = false;
          call.on("data", (chunk: Chunk) => {
            if (over || take(chunk)) return;
            over = true;
            call.cancel();
          });
          call.on("error", (error) => (over ? resolve() : reject(error)));
          call.on("end", resolve);
        }),
    };
  },
};
