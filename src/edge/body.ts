import type { IncomingMessage } from "node:http";

/** The body is larger than the route takes. */
export class BodyTooLarge extends Error {
  readonly limit: number;
  constructor(limit: number) {
    super(`the body is larger than ${limit} bytes`);
    this.limit = limit;
  }
}

/** The client went away before its body was complete. */
export class BodyAborted extends Error {}

/** A request's body: absent, held as a whole (it can be sent again), or still to come. */
export type RequestBody =
  | { kind: "none" }
  | { kind: "held"; bytes: Buffer }
  | { kind: "stream"; source: IncomingMessage; length: number | undefined };

export interface TakeOptions {
  /** Most bytes the route takes. */
  limit: number;
  /** Most bytes to hold. */
  hold: number;
  signal: AbortSignal;
}

/**
 * Takes a small body whole, so that a slow client occupies no instance and the request can go to another one;
 * leaves a larger one, or one of unknown length, to be streamed.
 */
export async function takeBody(request: IncomingMessage, options: TakeOptions): Promise<RequestBody> {
  const { headers } = request;
  if (headers["transfer-encoding"] !== undefined) return { kind: "stream", source: request, length: undefined };
  if (headers["content-length"] === undefined) return { kind: "none" };
  const length = Number(headers["content-length"]);
  if (length > options.limit) throw new BodyTooLarge(options.limit);
  if (length > options.hold) return { kind: "stream", source: request, length };
  return { kind: "held", bytes: await readWhole(request, options.signal) };
}

async function readWhole(request: IncomingMessage, signal: AbortSignal): Promise<Buffer> {
  const chunks: Buffer[] = [];
  const whole = Promise.withResolvers<Buffer>();
  const onData = (chunk: Buffer) => void chunks.push(chunk);
  const onEnd = () => whole.resolve(Buffer.concat(chunks));
  const onClose = () => whole.reject(new BodyAborted("the client went away"));
  const onAbort = () => whole.reject(signal.reason);
  request.on("data", onData).once("end", onEnd).once("close", onClose).once("error", onClose);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    signal.throwIfAborted();
    return await whole.promise;
  } finally {
    request.off("data", onData).off("end", onEnd).off("close", onClose);
    signal.removeEventListener("abort", onAbort);
  }
}
