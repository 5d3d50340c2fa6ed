import {
  create,
  fromBinary,
  toBinary,
  type DescMessage,
  type DescMethod,
  type MessageInitShape,
} from "@bufbuild/protobuf";
import { expect } from "vitest";
import { Code } from "../../../src/runtime/index.ts";
import { wireMethod } from "../../../src/runtime/internal/method-kinds.ts";
import type { CallOptions, Connection, Headers } from "../../../src/runtime/internal/transport/index.ts";
import * as pb from "../../fixtures/proto/test/interop_pb.ts";

const { emptyCall, unaryCall, streamingInputCall, streamingOutputCall, fullDuplexCall } = pb.TestService.method;

const encode = <D extends DescMessage>(schema: D, message: MessageInitShape<D>) =>
  toBinary(schema, create(schema, message));
const zeros = (size: number) => create(pb.PayloadSchema, { body: new Uint8Array(size) });
const soon = (): CallOptions => ({ deadline: Date.now() + 20_000 });

const simple = (message: MessageInitShape<typeof pb.SimpleRequestSchema>) => encode(pb.SimpleRequestSchema, message);
const streaming = (size: number, answers: readonly number[], more: object = {}) =>
  encode(pb.StreamingOutputCallRequestSchema, {
    responseParameters: answers.map((size) => create(pb.ResponseParametersSchema, { size })),
    ...(size < 0 ? {} : { payload: zeros(size) }),
    ...more,
  });

async function unary(connection: Connection, method: DescMethod, request: Uint8Array, headers: Headers = []) {
  return await connection.unary(wireMethod(method), headers, request, soon());
}

async function stream(
  connection: Connection,
  method: DescMethod,
  requests: readonly Uint8Array[],
  headers: Headers = [],
) {
  const call = connection.call(wireMethod(method), headers, soon());
  for (const request of requests) await call.write(request);
  call.end();
  const answers: Uint8Array[] = [];
  for await (const message of call.messages) answers.push(message);
  return { answers, outcome: await call.outcome };
}

const sizes = (answers: readonly Uint8Array[]) =>
  answers.map((bytes) => fromBinary(pb.StreamingOutputCallResponseSchema, bytes).payload?.body.length ?? 0);

const whitespace = "\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n";

/** The cases of gRPC's interoperability tests for a client, named as there. */
export const clientCases: Record<string, (connection: Connection) => Promise<void>> = {
  empty_unary: async (connection) => {
    const { code, response } = await unary(connection, emptyCall, new Uint8Array(0));
    expect({ code, length: response?.length }).toEqual({ code: Code.Ok, length: 0 });
  },
  large_unary: async (connection) => {
    const request = simple({ responseSize: 314_159, payload: zeros(271_828) });
    const { response } = await unary(connection, unaryCall, request);
    expect(fromBinary(pb.SimpleResponseSchema, response as Uint8Array).payload?.body.length).toBe(314_159);
  },
  client_streaming: async (connection) => {
    const requests = [27_182, 8, 1_828, 45_904].map((size) =>
      encode(pb.StreamingInputCallRequestSchema, { payload: zeros(size) }),
    );
    const { answers } = await stream(connection, streamingInputCall, requests);
    expect(fromBinary(pb.StreamingInputCallResponseSchema, answers[0] as Uint8Array).aggregatedPayloadSize).toBe(
      74_922,
    );
  },
  server_streaming: async (connection) => {
    const { answers, outcome } = await stream(connection, streamingOutputCall, [
      streaming(-1, [31_415, 9, 2_653, 58_979]),
    ]);
    expect(sizes(answers)).toEqual([31_415, 9, 2_653, 58_979]);
    expect(outcome.code).toBe(Code.Ok);
  },
  ping_pong: async (connection) => {
    const call = connection.call(wireMethod(fullDuplexCall), [], soon());
    const answers = call.messages[Symbol.asyncIterator]();
    for (const [size, answer] of [
      [27_182, 31_415],
      [8, 9],
      [1_828, 2_653],
      [45_904, 58_979],
    ] as const) {
      await call.write(streaming(size, [answer]));
      expect(sizes([(await answers.next()).value as Uint8Array])).toEqual([answer]);
    }
    call.end();
    expect((await answers.next()).done).toBe(true);
    expect((await call.outcome).code).toBe(Code.Ok);
  },
  empty_stream: async (connection) => {
    const { answers, outcome } = await stream(connection, fullDuplexCall, []);
    expect({ answers, code: outcome.code }).toEqual({ answers: [], code: Code.Ok });
  },
  timeout_on_sleeping_server: async (connection) => {
    const call = connection.call(wireMethod(fullDuplexCall), [], { deadline: Date.now() + 50 });
    await call.write(streaming(27_182, []));
    expect((await call.outcome).code).toBe(Code.DeadlineExceeded);
  },
  cancel_after_begin: async (connection) => {
    const call = connection.call(wireMethod(streamingInputCall), [["key1", "value1"]], soon());
    call.cancel();
    expect((await call.outcome).code).toBe(Code.Cancelled);
  },
  cancel_after_first_response: async (connection) => {
    const call = connection.call(wireMethod(fullDuplexCall), [], soon());
    const answers = call.messages[Symbol.asyncIterator]();
    await call.write(streaming(27_182, [31_415]));
    expect(sizes([(await answers.next()).value as Uint8Array])).toEqual([31_415]);
    call.cancel();
    expect((await call.outcome).code).toBe(Code.Cancelled);
  },
  status_code_and_message: async (connection) => {
    const responseStatus = create(pb.EchoStatusSchema, { code: Code.Unknown, message: "test status message" });
    const failed = { code: Code.Unknown, message: "test status message" };
    expect(await unary(connection, unaryCall, simple({ responseStatus }))).toMatchObject(failed);
    const { outcome } = await stream(connection, fullDuplexCall, [streaming(-1, [], { responseStatus })]);
    expect(outcome).toMatchObject(failed);
  },
  special_status_message: async (connection) => {
    const responseStatus = create(pb.EchoStatusSchema, { code: Code.Unknown, message: whitespace });
    const outcome = await unary(connection, unaryCall, simple({ responseStatus }));
    expect(outcome).toMatchObject({ code: Code.Unknown, message: whitespace });
  },
  custom_metadata: async (connection) => {
    const bytes = Buffer.from("\x0a\x0b\x0a\x0b\x0a\x0b");
    const headers: Headers = [
      ["x-grpc-test-echo-initial", "test_initial_metadata_value"],
      ["x-grpc-test-echo-trailing-bin", bytes],
    ];
    const echoed = (trailers: Headers) => trailers.filter(([name]) => name === "x-grpc-test-echo-trailing-bin");
    const { trailers } = await unary(connection, unaryCall, simple({ responseSize: 1, payload: zeros(1) }), headers);
    expect(echoed(trailers).map(([, value]) => Buffer.from(value as Uint8Array))).toEqual([bytes]);
    const { outcome } = await stream(connection, fullDuplexCall, [streaming(1, [1])], headers);
    expect(echoed(outcome.trailers).map(([, value]) => Buffer.from(value as Uint8Array))).toEqual([bytes]);
  },
  unimplemented_method: async (connection) => {
    const method = { path: "/grpc.testing.TestService/UnimplementedCall", kind: "unary" } as const;
    expect((await connection.unary(method, [], new Uint8Array(0), soon())).code).toBe(Code.Unimplemented);
  },
  unimplemented_service: async (connection) => {
    const method = { path: "/grpc.testing.UnimplementedService/UnimplementedCall", kind: "unary" } as const;
    expect((await connection.unary(method, [], new Uint8Array(0), soon())).code).toBe(Code.Unimplemented);
  },
};
