import {
  create,
  fromBinary,
  type DescMessage,
  type DescMethod,
  type MessageInitShape,
  type MessageShape,
} from "@bufbuild/protobuf";
import { Code } from "../../code.ts";
import type { Context } from "../../context.ts";
import { appendRemoteFrames, prependFrame, RpcError, toRpcError } from "../../error.ts";
import type { Capture } from "../../frame.ts";
import { encode } from "../codec/encode.ts";
import { wireMethod } from "../method-kinds.ts";
import { outgoingHeaders } from "../propagation.ts";
import { decodeError } from "../status-details.ts";
import type { CallOptions as WireOptions, Headers, Outcome } from "../transport/transport.ts";
import { Attempts } from "./attempts.ts";
import type { Instance, Target } from "./target.ts";

/** Ms a call may take when neither it nor its context says otherwise. */
export const defaultTimeoutMs = 30_000;

export interface CallOptions {
  /** Ms until the call ends with DEADLINE_EXCEEDED, default 30,000; never later than the context's deadline. */
  timeoutMs?: number;
  /** Extra request metadata. */
  headers?: Readonly<Record<string, string>>;
  /** Whether the call may be repeated after it may have been begun. Default: the method's idempotency_level. */
  idempotent?: boolean;
}

export interface CallSite {
  ctx: Context;
  target: () => Target;
  method: DescMethod;
  options: CallOptions;
  /** Where the caller stands. */
  place: Capture;
}

interface Prepared {
  headers: Headers;
  wire: WireOptions;
  deadline: number;
}

function prepare({ ctx, options, method }: CallSite): Prepared {
  ctx.throwIfDone();
  if (ctx.hops <= 0) {
    const path = [...ctx.path, ctx.service ?? "?", method.parent.typeName].join(" → ");
    throw new RpcError(Code.FailedPrecondition, `the request went through too many services: ${path}`, {
      reason: "HOP_LIMIT",
      fields: { path },
    });
  }
  const deadline = Math.min(
    ctx.deadline ?? Infinity,
    Date.now() + Math.min(options.timeoutMs ?? defaultTimeoutMs, 2 ** 31 - 1),
  );
  const signal = ctx.cancellation;
  return {
    deadline,
    headers:
      options.headers === undefined
        ? outgoingHeaders(ctx)
        : [...outgoingHeaders(ctx), ...Object.entries(options.headers)],
    wire: signal === undefined ? { deadline } : { deadline, signal },
  };
}

/** One request, one answer; repeated on another instance where that is safe. */
export async function callUnary<I extends DescMessage, O extends DescMessage>(
  site: CallSite,
  input: I,
  output: O,
  request: MessageInitShape<I>,
): Promise<MessageShape<O>> {
  try {
    const { headers, wire, deadline } = prepare(site);
    const bytes = encode(input, create(input, request));
    const method = wireMethod(site.method);
    const attempts = new Attempts(site, deadline);
    for (;;) {
      const next = attempts.next(method.path);
      const instance = next instanceof Promise ? await next : next;
      const outcome = await instance.connection.unary(method, headers, bytes, wire);
      instance.breaker(method.path).record(outcome.code);
      if (outcome.response !== undefined) return fromBinary(output, outcome.response);
      if (!attempts.mayGoOn(outcome, instance)) throw failure(outcome, instance);
    }
  } catch (error) {
    throw atCallSite(error, site);
  }
}

function failure(outcome: Outcome, instance: Instance): RpcError {
  const error = decodeError(outcome, outcome.trailers);
  if (outcome.code === Code.Unavailable && outcome.unprocessed)
    return new RpcError(Code.Unavailable, `${instance.key}: ${error.message}`, { reason: "NOT_REACHED" });
  return error;
}

/** Puts the caller's place in front of the error's frames. */
function atCallSite(error: unknown, site: CallSite): RpcError {
  const rpc = toRpcError(error);
  appendRemoteFrames(rpc, []);
  prependFrame(rpc, site.place);
  return rpc;
}

/**
 * A call whose answers, or requests, are streams. It is repeated only while nothing has begun: requests are a list,
 * which can be sent again, and no instance has seen them.
 */
export async function* callStream<I extends DescMessage, O extends DescMessage>(
  site: CallSite,
  input: I,
  output: O,
  requests: AsyncIterable<MessageInitShape<I>> | Iterable<MessageInitShape<I>>,
): AsyncGenerator<MessageShape<O>, void, undefined> {
  try {
    const { headers, wire, deadline } = prepare(site);
    const method = wireMethod(site.method);
    const attempts = new Attempts(site, deadline);
    for (;;) {
      const instance = await attempts.next(method.path);
      const call = instance.connection.call(method, headers, wire);
      let ended = false;
      void call.outcome.then(() => (ended = true));
      let sendError: unknown;
      const sending = (async () => {
        for await (const request of requests) {
          if (ended) return;
          await call.write(encode(input, create(input, request)));
        }
        call.end();
      })().catch((error: unknown) => {
        sendError = error;
        call.cancel();
      });
      let finished = false;
      try {
        for await (const message of call.messages) yield fromBinary(output, message);
        finished = true;
      } finally {
        if (!finished) call.cancel();
      }
      const outcome = await call.outcome;
      instance.breaker(method.path).record(outcome.code);
      if (sendError !== undefined) throw sendError;
      if (outcome.code === Code.Ok) return await sending;
      const again = Array.isArray(requests) && outcome.unprocessed;
      if (!again || !attempts.mayGoOn(outcome, instance)) throw failure(outcome, instance);
    }
  } catch (error) {
    throw atCallSite(error, site);
  }
}
