import { Code, codeName } from "./code.ts";
import { capture, framesOf, type Capture, type Frame } from "./frame.ts";

export interface RpcErrorOptions {
  /** Stable, upper-case name of the reason, e.g. `PRODUCT_NOT_FOUND` (ErrorInfo.reason). */
  reason?: string;
  /** Values that explain it, e.g. `{ productId: "012345" }` (ErrorInfo.metadata). */
  fields?: Readonly<Record<string, string>>;
  cause?: unknown;
}

/** A detail of google.rpc.Status that the runtime does not know: kept, and sent on byte for byte. */
export interface UnknownDetail {
  typeUrl: string;
  value: Uint8Array;
}

/** An error with a gRPC status. It travels from service to service with its reason, fields, causes and frames. */
export class RpcError extends Error {
  readonly code: Code;
  readonly reason: string | undefined;
  readonly fields: Readonly<Record<string, string>>;
  /** Messages of its causes in the process it came from, nearest first. */
  readonly remoteCauses: readonly string[];
  readonly details: readonly UnknownDetail[];
  /** Identifies this error in logs of all processes, also where its stack is not shown. */
  readonly id: string;

  constructor(code: Code, message: string, options: RpcErrorOptions & RemoteParts = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "RpcError";
    this.code = code;
    this.reason = options.reason;
    this.fields = options.fields ?? {};
    this.remoteCauses = options.remoteCauses ?? [];
    this.details = options.details ?? [];
    this.id = options.id ?? newId();
  }

  /** `NOT_FOUND` */
  get codeName(): string {
    return codeName(this.code);
  }
}

/** What only an error from another process has. */
interface RemoteParts {
  remoteCauses?: readonly string[];
  details?: readonly UnknownDetail[];
  id?: string;
}

function newId(): string {
  return Math.random().toString(16).slice(2, 14).padEnd(12, "0");
}

type Pending = Frame | Capture;

interface Trail {
  /** Outermost first. */
  frames: Pending[];
  /** Whether the frames end at the origin already: they came from another process, or the origin was added. */
  rooted: boolean;
}

const trails = new WeakMap<object, Trail>();

function trailOf(error: Error): Trail {
  let trail = trails.get(error);
  if (trail === undefined) {
    trail = { frames: [], rooted: false };
    trails.set(error, trail);
  }
  return trail;
}

/** Any thrown value as an Error; a string or object becomes one. */
export function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(typeof error === "string" ? error : `thrown: ${safeString(error)}`);
}

function safeString(value: unknown): string {
  try {
    return String(value);
  } catch {
    return typeof value;
  }
}

/**
 * Adds the caller's place (function, file, line) to an error and returns it: `throw trace(err)`.
 * The frames of an error, outermost first, are its way through functions and services.
 */
export function trace(error: unknown): Error {
  return traceBelow(error, trace);
}

export function traceBelow(error: unknown, below: Function): Error {
  const value = asError(error);
  trailOf(value).frames.unshift(capture(below));
  return value;
}

/** The innermost cause of an error: its origin. */
export function cause(error: unknown): unknown {
  let origin = error;
  for (let depth = 0; origin instanceof Error && origin.cause !== undefined && depth < 100; depth++)
    origin = origin.cause;
  return origin;
}

/** Puts frames that came from another process behind those of this one. */
export function appendRemoteFrames(error: Error, frames: readonly Frame[]): void {
  const trail = trailOf(error);
  trail.frames.push(...frames);
  trail.rooted = true;
}

/** Puts a place in front: a frame, or what {@link capture} gave. */
export function prependFrame(error: Error, place: Pending): void {
  trailOf(error).frames.unshift(place);
}

/**
 * Frames of an error, outermost first. One that nobody traced shows the place where it was made;
 * `boundary` names the service and method whose process this is.
 */
export function framesOfError(error: Error, boundary: { service?: string; method?: string } = {}): Frame[] {
  const trail = trailOf(error);
  if (!trail.rooted) {
    trail.rooted = true;
    const origin = cause(error);
    const made = framesOf(origin instanceof Error ? origin.stack : error.stack, 8);
    const known = new Set(trail.frames.flatMap(settle).map(place));
    // What trace() saw is not said twice; the rest of the stack leads from the boundary to the origin.
    const rest = made.toReversed().filter((frame) => !known.has(place(frame)));
    trail.frames =
      trail.frames.length === 0
        ? rest
        : [...trail.frames, ...rest.slice(-1).filter(() => !known.has(place(made[0] ?? emptyFrame)))];
  }
  const frames = trail.frames.flatMap(settle).map((frame) => ({ ...boundary, ...frame }));
  trail.frames = frames;
  return frames;
}

/** Frames of the stack that V8 keeps of an error's origin in this process, innermost first. */
export function stackFrames(error: Error): Frame[] {
  const origin = cause(error);
  return framesOf(origin instanceof Error ? origin.stack : error.stack, 16);
}

const emptyFrame: Frame = { function: "", file: "", line: 0 };

function place(frame: Frame): string {
  return `${frame.file}:${frame.line}`;
}

function settle(pending: Pending): Frame[] {
  return "function" in pending ? [pending] : framesOf(pending.stack, 1);
}

/** Messages of an error's causes, nearest first; cycles end. */
export function causeMessages(error: Error): string[] {
  const messages: string[] = [];
  const seen = new Set<unknown>([error]);
  for (
    let next = error.cause;
    next !== undefined && next !== null && !seen.has(next) && messages.length < 16;
    next = next instanceof Error ? next.cause : undefined
  ) {
    seen.add(next);
    messages.push(next instanceof Error ? next.message : safeString(next));
  }
  return error instanceof RpcError ? [...messages, ...error.remoteCauses] : messages;
}

/** The error as callers of other services see it: an RpcError stays, anything else is UNKNOWN. */
export function toRpcError(error: unknown): RpcError {
  if (error instanceof RpcError) return error;
  const value = asError(error);
  if (value.name === "AbortError")
    return carryTrail(value, new RpcError(Code.Cancelled, value.message || "cancelled", { cause: value }));
  if (value.name === "TimeoutError")
    return carryTrail(
      value,
      new RpcError(Code.DeadlineExceeded, value.message || "deadline exceeded", { cause: value }),
    );
  return carryTrail(value, new RpcError(Code.Unknown, value.message, { cause: value.cause }));
}

function carryTrail(from: Error, to: RpcError): RpcError {
  to.stack = from.stack ?? "";
  trails.set(to, trailOf(from));
  return to;
}
