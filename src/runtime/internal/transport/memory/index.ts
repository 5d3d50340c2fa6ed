import { Code } from "../../../code.ts";
import type {
  CallHandler,
  CallOptions,
  ClientCall,
  Connection,
  Headers,
  Outcome,
  ServerCall,
  Transport,
  WireMethod,
} from "../transport.ts";
import { Channel } from "./channel.ts";

const handlers = new Map<string, CallHandler>();

/** Hands calls from client to server inside the process: the same bytes, headers, deadlines and cancels, no socket. */
export const memoryTransport: Transport = {
  name: "memory",
  capabilities: { knowsUnprocessed: true, knowsDraining: true, acceptsUnknownMethods: true },
  connect: (endpoint): Connection => ({
    endpoint,
    get state() {
      return handlers.has(endpoint.host) ? "ready" : "failing";
    },
    call: (method, headers, options) => callInMemory(endpoint.host, { method, headers, options }),
    unary: async (method, headers, request, options) => {
      const call = callInMemory(endpoint.host, { method, headers, options });
      await call.write(request);
      call.end();
      let response: Uint8Array | undefined;
      for await (const message of call.messages) response = message;
      const outcome = await call.outcome;
      return { ...outcome, response: outcome.code === Code.Ok ? response : undefined };
    },
    close: () => {},
  }),
  listen: () => {
    throw new Error("in memory nothing listens: serveInMemory offers a service under its name");
  },
};

/** Offers a handler under a name; returns what takes it back. */
export function offerInMemory(name: string, handler: CallHandler): () => void {
  handlers.set(name, handler);
  return () => {
    if (handlers.get(name) === handler) handlers.delete(name);
  };
}

interface Call {
  method: WireMethod;
  headers: Headers;
  options: CallOptions;
}

function callInMemory(name: string, { method, headers, options }: Call): ClientCall {
  const requests = new Channel();
  const answers = new Channel();
  const cancelled = new AbortController();
  const { promise: outcome, resolve } = Promise.withResolvers<Outcome>();
  const finish = (end: Outcome) => {
    clearTimeout(timer);
    options.signal?.removeEventListener("abort", cancel);
    requests.end();
    answers.end();
    resolve(end);
  };
  const fail = (code: number, message: string) => {
    finish({ code, message, trailers: [], unprocessed: false });
    cancelled.abort();
  };
  const cancel = () => fail(Code.Cancelled, "cancelled");
  const timer =
    options.deadline === undefined
      ? undefined
      : setTimeout(() => fail(Code.DeadlineExceeded, "deadline exceeded"), Math.max(0, options.deadline - Date.now()));
  options.signal?.addEventListener("abort", cancel, { once: true });
  const handler = handlers.get(name);
  if (handler === undefined) {
    finish({
      code: Code.Unavailable,
      message: `nothing is offered in memory as ${name}`,
      trailers: [],
      unprocessed: true,
    });
  } else {
    const call: ServerCall = {
      method: method.path,
      headers,
      deadline: options.deadline,
      signal: cancelled.signal,
      peer: "memory",
      request: undefined,
      messages: requests,
      sendHeaders: () => {},
      write: (message) => answers.write(message),
      finish: (status, trailers) => finish({ ...status, trailers, unprocessed: false }),
    };
    // A call over a socket never begins in the caller's turn either.
    setImmediate(() => handler(call));
  }
  return { outcome, messages: answers, write: (message) => requests.write(message), end: () => requests.end(), cancel };
}
