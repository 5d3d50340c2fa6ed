import { AsyncLocalStorage } from "node:async_hooks";
import { Code } from "./code.ts";
import { environment } from "./environment.ts";
import { framesOfError, RpcError, toRpcError, traceBelow } from "./error.ts";
import { shortFrame } from "./frame.ts";
import { randomId } from "./internal/random-id.ts";
import { createLogger, type Logger } from "./log.ts";

/** Longest delay a timer of JavaScript can hold, in ms; longer ones would fire at once. */
const longestDelay = 2 ** 31 - 1;

/** Calls that one request may cause in a chain before it counts as a loop. */
export const defaultHops = 16;

const noFields: ReadonlyMap<string, string> = new Map();

interface ContextParts {
  deadline: number | undefined;
  signal: AbortSignal | undefined;
  /** Where the signal comes from when it is asked for: most requests never do. */
  source: { readonly signal: AbortSignal } | undefined;
  hops: number;
  traceId: string;
  spanId: string;
  sampled: boolean;
  service: string | undefined;
  method: string | undefined;
  /** Services the request came through, the first caller first. */
  path: readonly string[];
  fields: ReadonlyMap<string, string>;
}

/**
 * What goes along with a request through every call: deadline, cancellation, hop limit, trace and fields.
 * Immutable but for its fields.
 */
export class Context {
  readonly #parts: ContextParts;
  /** Made with the first one. */
  #fields: Map<string, string> | undefined;
  #log: Logger | undefined;

  private constructor(parts: ContextParts) {
    this.#parts = parts;
    if (parts.fields.size > 0) this.#fields = new Map(parts.fields);
  }

  /** A context with the given parts; for the runtime, which makes one per incoming call. */
  static create(parts: Partial<ContextParts> = {}): Context {
    return new Context({
      deadline: undefined,
      signal: undefined,
      source: undefined,
      hops: defaultHops,
      traceId: parts.traceId ?? randomId(16),
      spanId: parts.spanId ?? randomId(8),
      sampled: false,
      service: environment.service,
      method: undefined,
      path: [],
      fields: noFields,
      ...parts,
    });
  }

  /** Epoch milliseconds; undefined for none. */
  get deadline(): number | undefined {
    return this.#parts.deadline;
  }
  /** Aborted when the caller cancelled or the deadline passed. */
  get signal(): AbortSignal {
    return (this.#parts.signal ??= this.#parts.source?.signal ?? new AbortController().signal);
  }
  /** @internal The signal, when there is anything that could abort it. */
  get cancellation(): AbortSignal | undefined {
    return (this.#parts.signal ??= this.#parts.source?.signal);
  }
  /** Calls left before the request counts as a loop. */
  get hops(): number {
    return this.#parts.hops;
  }
  /** W3C trace id, 32 hex digits. */
  get traceId(): string {
    return this.#parts.traceId;
  }
  get spanId(): string {
    return this.#parts.spanId;
  }
  get sampled(): boolean {
    return this.#parts.sampled;
  }
  /** The service that runs, and the gRPC method it serves. */
  get service(): string | undefined {
    return this.#parts.service;
  }
  get method(): string | undefined {
    return this.#parts.method;
  }
  get path(): readonly string[] {
    return this.#parts.path;
  }
  get fields(): ReadonlyMap<string, string> {
    return this.#fields ?? noFields;
  }

  /** Milliseconds until the deadline, at least 0 and at most 2^31 - 1; undefined without one. */
  remaining(): number | undefined {
    const { deadline } = this.#parts;
    return deadline === undefined ? undefined : Math.min(longestDelay, Math.max(0, deadline - Date.now()));
  }

  /** A child that ends after `ms` milliseconds, or with this context if that is sooner. */
  withTimeout(ms: number): Context {
    return this.withDeadline(Date.now() + Math.min(Math.max(ms, 0), longestDelay));
  }

  /** A child that ends at `deadline` (epoch ms), or with this context if that is sooner. */
  withDeadline(deadline: number): Context {
    const earliest = Math.min(deadline, this.#parts.deadline ?? Infinity);
    const controller = new AbortController();
    const ms = Math.min(longestDelay, Math.max(0, earliest - Date.now()));
    setTimeout(() => controller.abort(new RpcError(Code.DeadlineExceeded, "deadline exceeded")), ms).unref();
    return this.#child({ deadline: earliest, signal: anySignal(this.cancellation, controller.signal) });
  }

  /** A child that `cancel` ends. */
  withCancel(): { ctx: Context; cancel: (reason?: string) => void } {
    const controller = new AbortController();
    const ctx = this.#child({ signal: anySignal(this.cancellation, controller.signal) });
    return { ctx, cancel: (reason = "cancelled") => controller.abort(new RpcError(Code.Cancelled, reason)) };
  }

  #child(parts: Partial<ContextParts>): Context {
    return new Context({ ...this.#parts, ...parts, fields: this.fields });
  }

  /** Sets a field that every later log line and error of this request carries. Names: letters, digits, `.`, `_`, `-`. */
  setField(name: string, value: string | number | boolean): void {
    if (!/^[A-Za-z0-9._-]{1,64}$/.test(name))
      throw new RpcError(Code.InvalidArgument, `field name ${JSON.stringify(name)} is not allowed`);
    (this.#fields ??= new Map()).set(name, String(value));
  }

  /** Adds the caller's place to an error and returns it: `throw ctx.trace(err)`. */
  trace(error: unknown): Error {
    return traceBelow(error, this.trace);
  }

  /** Throws when the caller cancelled or the deadline passed. */
  throwIfDone(): void {
    if (this.#parts.deadline !== undefined && Date.now() >= this.#parts.deadline)
      throw new RpcError(Code.DeadlineExceeded, "deadline exceeded");
    if (this.cancellation?.aborted === true) throw toRpcError(this.cancellation.reason);
  }

  /** Logs with trace id, service, method and fields. */
  get log(): Logger {
    return (this.#log ??= createLogger(() => ({
      ...(this.method === undefined ? {} : { method: this.method }),
      ...Object.fromEntries(this.fields),
      ...(this.service === undefined ? {} : { service: this.service }),
      trace: this.traceId,
    })));
  }

  /** Writes the one line of an error where it is handled. */
  logError(error: unknown): void {
    const rpc = toRpcError(error);
    const frames = framesOfError(rpc, {
      ...(this.service === undefined ? {} : { service: this.service }),
      ...(this.method === undefined ? {} : { method: this.method }),
    });
    this.log.error(rpc.message, {
      ...rpc.fields,
      code: rpc.codeName,
      ...(rpc.reason === undefined ? {} : { reason: rpc.reason }),
      error: rpc.id,
      stack: frames.map((frame) => `${shortFrame(frame)};`).join(""),
    });
  }
}

function anySignal(a: AbortSignal | undefined, b: AbortSignal): AbortSignal {
  return a === undefined ? b : AbortSignal.any([a, b]);
}

const storage = new AsyncLocalStorage<Context>();

/** An empty context: where a request begins. */
export function background(): Context {
  return Context.create();
}

/** The context of the request that is being served; an empty one outside of any. */
export function currentContext(): Context {
  return storage.getStore() ?? background();
}

/** Runs `work` so that {@link currentContext} finds `ctx` in everything it starts. */
export function runWith<T>(ctx: Context, work: () => T): T {
  return storage.run(ctx, work);
}
