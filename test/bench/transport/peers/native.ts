import { create, fromBinary } from "@bufbuild/protobuf";
import { createServer, type AddressInfo, type Server } from "node:net";
import { ChunkSchema, LookupSchema, ProductSchema, ReadRequestSchema } from "../../../fixtures/proto/test/bench_pb.ts";
import { encode } from "../../../../src/runtime/internal/codec/encode.ts";
import { sharePort } from "../../../../src/runtime/internal/server/shared-port.ts";
import {
  selectTransport,
  type Listener,
  type ServerCall,
  type WireMethod,
} from "../../../../src/runtime/internal/transport/index.ts";
import { chunkOf, get, type Peer } from "../peer.ts";

const transport = selectTransport("native");
const getMethod: WireMethod = { path: "/test.Bench/Get", kind: "unary" };
const readMethod: WireMethod = { path: "/test.Bench/Read", kind: "server_streaming" };

async function answerRead(call: ServerCall): Promise<void> {
  const { bytes } = fromBinary(ReadRequestSchema, call.request as Uint8Array);
  while (!call.signal.aborted) await call.write(encode(ChunkSchema, create(ChunkSchema, chunkOf(bytes))));
  call.finish({ code: 0, message: "" }, []);
}

function answer(call: ServerCall): void {
  if (call.method === readMethod.path) return void answerRead(call);
  const product = create(ProductSchema, get(fromBinary(LookupSchema, call.request as Uint8Array)));
  void call.write(encode(ProductSchema, product));
  call.finish({ code: 0, message: "" }, []);
}

function listener(): Listener {
  return transport.listen({ methods: [getMethod, readMethod] }, answer);
}

async function portOf(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return (server.address() as AddressInfo).port;
}

/** The transport below its seam, with nothing but the codec on it. */
export const peer: Peer = {
  serve: () => {
    const { accept } = listener();
    return portOf(createServer({ noDelay: true }, accept));
  },
  connect: (port) => {
    const connection = transport.connect({ host: "127.0.0.1", port });
    return {
      get: async (request) => {
        const bytes = encode(LookupSchema, create(LookupSchema, request));
        const { response, code, message } = await connection.unary(getMethod, [], bytes, {});
        if (response === undefined) throw new Error(`${code}: ${message}`);
        return fromBinary(ProductSchema, response);
      },
      read: async (bytes, take) => {
        const call = connection.call(readMethod, [], {});
        void call.write(encode(ReadRequestSchema, create(ReadRequestSchema, { bytes })));
        call.end();
        for await (const message of call.messages) if (!take(fromBinary(ChunkSchema, message))) return call.cancel();
      },
    };
  },
};

/** The same on a port that HTTP/1.1 shares. */
export const sharedPort: Peer = {
  ...peer,
  serve: () => {
    const { accept } = listener();
    return portOf(sharePort({ http2: accept, http1: (socket) => void socket.destroy() }));
  },
};
