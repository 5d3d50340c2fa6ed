import { create, fromBinary, type DescMessage, type MessageInitShape } from "@bufbuild/protobuf";
import { Code } from "../../code.ts";
import { runWith, type Context } from "../../context.ts";
import { framesOfError, prependFrame, RpcError, stackFrames, toRpcError } from "../../error.ts";
import { encode as encodeMessage } from "../codec/encode.ts";
import { calledByService, incomingContext } from "../propagation.ts";
import { encodeError } from "../status-details.ts";
import type { ServerCall } from "../transport/transport.ts";
import type { MethodEntry, MethodTable } from "./table.ts";

/** Serves one gRPC call; it always ends with a status. */
export async function handleCall(call: ServerCall, table: MethodTable, service: string | undefined): Promise<void> {
  const entry = table.get(call.method);
  if (entry === undefined) {
    call.finish({ code: Code.Unimplemented, message: `there is no method ${call.method}` }, []);
    return;
  }
  const ctx = incomingContext(call.headers, {
    service,
    method: call.method,
    deadline: call.deadline,
    source: call,
  });
  try {
    await runWith(ctx, () => answer(call, entry, ctx));
    call.finish({ code: Code.Ok, message: "" }, []);
  } catch (error) {
    const rpc = atBoundary(error, entry, ctx);
    // The caller's runtime logs an error where it is handled; for any other caller this is the place.
    if (!calledByService(call.headers)) ctx.logError(rpc);
    const { status, trailers } = encodeError(rpc, place(ctx));
    call.finish(status, trailers);
  }
}

async function answer(call: ServerCall, entry: MethodEntry, ctx: Context): Promise<void> {
  const { descriptor } = entry;
  const streamsIn = descriptor.methodKind === "client_streaming" || descriptor.methodKind === "bidi_streaming";
  const request = streamsIn
    ? decodeAll(call.messages, descriptor.input)
    : decode(descriptor.input, call.request ?? (await first(call)));
  const result = entry.invoke(ctx, request);
  if (descriptor.methodKind === "unary" || descriptor.methodKind === "client_streaming") {
    await call.write(encode(descriptor.output, await result));
    return;
  }
  for await (const message of result as AsyncIterable<unknown>) {
    if (call.signal.aborted) return;
    await call.write(encode(descriptor.output, message));
  }
}

async function* decodeAll(messages: AsyncIterable<Uint8Array>, schema: DescMessage): AsyncIterable<unknown> {
  for await (const bytes of messages) yield decode(schema, bytes);
}

function decode(schema: DescMessage, bytes: Uint8Array): unknown {
  try {
    return fromBinary(schema, bytes);
  } catch (error) {
    throw new RpcError(Code.Internal, `the request is no ${schema.typeName}`, { cause: error });
  }
}

function encode(schema: DescMessage, message: unknown): Uint8Array {
  return encodeMessage(schema, create(schema, (message ?? {}) as MessageInitShape<DescMessage>));
}

async function first({ messages, method }: ServerCall): Promise<Uint8Array> {
  for await (const request of messages) return request;
  throw new RpcError(Code.Internal, `${method} was called without a request`);
}

export function place(ctx: Context): { service?: string; method?: string } {
  return {
    ...(ctx.service === undefined ? {} : { service: ctx.service }),
    ...(ctx.method === undefined ? {} : { method: ctx.method }),
  };
}

/** The error with the frame of the service's own method in front, so that forgetting `trace` loses nothing. */
export function atBoundary(error: unknown, { label }: MethodEntry, ctx: Context): RpcError {
  const rpc = toRpcError(error);
  const frames = framesOfError(rpc, place(ctx));
  if (!frames.some((frame) => frame.function === label && frame.service === ctx.service)) {
    // An awaiting method stands in the stack of what failed below it; of another only the name is known.
    const seen = stackFrames(rpc).find((frame) => frame.function === label) ?? { function: label, file: "", line: 0 };
    prependFrame(rpc, { ...place(ctx), ...seen });
  }
  return rpc;
}
