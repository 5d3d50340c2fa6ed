import { request as httpRequest, type ClientRequest, type IncomingMessage, type OutgoingHttpHeaders } from "node:http";
import { BodyTooLarge, type RequestBody } from "./body.ts";
import type { Endpoint } from "./endpoint.ts";

/** An instance gave no answer. */
export class AttemptFailed extends Error {
  /** Whether the instance may have seen any of the request. If not, trying the next one is always safe. */
  readonly sent: boolean;
  /** Whether it went over a connection that an earlier request had left open. */
  readonly reused: boolean;

  constructor(cause: unknown, { sent, reused }: { sent: boolean; reused: boolean }) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
    this.sent = sent;
    this.reused = reused;
  }
}

export interface AttemptOptions {
  endpoint: Endpoint;
  method: string;
  path: string;
  headers: OutgoingHttpHeaders;
  body: RequestBody;
  /** Most bytes of a streamed body. */
  limit: number;
  connectMs: number;
  signal: AbortSignal;
  /** Called when the request has been handed over whole. */
  onSent: () => void;
}

/**
 * Sends a request to one instance and resolves with its answer's head; the answer's body is the caller's.
 * A streamed body flows on while the answer is read, at the speed that the instance takes it.
 * @throws AttemptFailed, BodyTooLarge, or the signal's reason
 */
export async function attempt(
  options: AttemptOptions,
): Promise<{ upstream: ClientRequest; response: IncomingMessage }> {
  const { endpoint, method, path, body, signal, connectMs } = options;
  signal.throwIfAborted();
  const upstream = httpRequest({
    agent: endpoint.agent,
    host: endpoint.host,
    port: endpoint.port,
    method,
    path,
    headers: { ...options.headers, ...framing(body, method) },
    setHost: options.headers.host === undefined,
  });
  let sent = false;
  let tooLarge: BodyTooLarge | undefined;
  const answer = Promise.withResolvers<IncomingMessage>();
  const fail = (error: unknown) => {
    const failure = () => tooLarge ?? new AttemptFailed(error, { sent, reused: upstream.reusedSocket });
    answer.reject(signal.aborted ? signal.reason : failure());
  };
  const abort = () => void upstream.destroy(new Error("aborted"));
  const connecting = setTimeout(() => upstream.destroy(new Error(`no connection within ${connectMs} ms`)), connectMs);
  signal.addEventListener("abort", abort, { once: true });
  upstream.once("close", () => {
    clearTimeout(connecting);
    signal.removeEventListener("abort", abort);
  });
  upstream.on("error", fail);
  upstream.once("response", (response) => answer.resolve(response));
  const start = () => {
    clearTimeout(connecting);
    sent = true;
    if (body.kind === "stream") {
      // The instance may have something to say before the first chunk of the body arrives.
      upstream.flushHeaders();
      pump(body.source, upstream, {
        limit: options.limit,
        onEnd: options.onSent,
        onTooLarge: (error) => {
          tooLarge = error;
          upstream.destroy(error);
        },
      });
    } else {
      upstream.end(body.kind === "held" ? body.bytes : undefined);
      options.onSent();
    }
  };
  // Nothing is written before there is a connection: until then another instance can take over whatever the request is.
  upstream.once("socket", (socket) => {
    if (socket.connecting) socket.once("connect", start);
    else start();
  });
  return { upstream, response: await answer.promise };
}

/** Message framing is ours, whatever the client's headers said of it. */
function framing(body: RequestBody, method: string): OutgoingHttpHeaders {
  if (body.kind === "held") return { "content-length": body.bytes.length };
  if (body.kind === "stream") {
    return body.length === undefined ? { "transfer-encoding": "chunked" } : { "content-length": body.length };
  }
  return method === "POST" || method === "PUT" || method === "PATCH" ? { "content-length": 0 } : {};
}

interface PumpOptions {
  limit: number;
  onEnd: () => void;
  onTooLarge: (error: BodyTooLarge) => void;
}

/** Moves a body chunk by chunk; a side that is slow slows the other. */
function pump(source: IncomingMessage, target: ClientRequest, { limit, onEnd, onTooLarge }: PumpOptions): void {
  let received = 0;
  const onData = (chunk: Buffer) => {
    received += chunk.length;
    if (received > limit) {
      stop();
      onTooLarge(new BodyTooLarge(limit));
    } else if (!target.write(chunk)) source.pause();
  };
  const onDrain = () => void source.resume();
  const onSourceEnd = () => {
    stop();
    target.end();
    onEnd();
  };
  const stop = () => {
    source.off("data", onData).off("end", onSourceEnd);
    target.off("drain", onDrain).off("close", stop);
  };
  source.on("data", onData).on("end", onSourceEnd);
  target.on("drain", onDrain).on("close", stop);
}
