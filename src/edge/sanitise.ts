import { Transform, type TransformCallback } from "node:stream";

/** Codes of errors that nobody foresaw: their message is the program's own business (UNKNOWN, INTERNAL, DATA_LOSS). */
const unforeseen: ReadonlyMap<number, string> = new Map([
  [2, "unknown error"],
  [13, "internal error"],
  [15, "data loss"],
]);

const rpcTypes = "type.googleapis.com/google.rpc.";
/** Details that are meant for whoever calls. DebugInfo (stacks, causes) and types that nobody here knows are not. */
const shown = new Set(
  [
    "BadRequest",
    "ErrorInfo",
    "Help",
    "LocalizedMessage",
    "PreconditionFailure",
    "QuotaFailure",
    "RequestInfo",
    "RetryInfo",
  ].map((name) => rpcTypes + name),
);
/** Key in ErrorInfo.metadata of the id that finds the error in logs; it stays in every case. */
const errorId = "flow.id";

interface Status {
  code: number;
  /** The code's name, as Google's JSON errors have it beside the number. */
  status?: string;
  message: string;
  details: unknown[];
}

/**
 * A service's error as the outside may see it: google.rpc.Status without stacks, causes, unknown details and unsafe text.
 * Whatever is no Status becomes one that says nothing. The error's id stays.
 */
export function outsideStatus(body: unknown, httpStatus: number): Status {
  const { code, status, message, details } = isObject(body) ? body : {};
  if (typeof code !== "number" || !Number.isInteger(code) || code < 1 || code > 16) {
    return httpStatus >= 500
      ? { code: 13, status: "INTERNAL", message: "internal error", details: [] }
      : { code: 2, status: "UNKNOWN", message: "the request failed", details: [] };
  }
  const hidden = unforeseen.get(code);
  const kept = (Array.isArray(details) ? details : []).filter(
    (detail): detail is Record<string, unknown> => isObject(detail) && shown.has(String(detail["@type"])),
  );
  return {
    code,
    ...(typeof status === "string" && /^[A-Z_]{2,32}$/.test(status) ? { status } : {}),
    message: hidden ?? (typeof message === "string" ? message : ""),
    details: hidden === undefined ? kept : kept.flatMap(onlyId),
  };
}

/** Of an unforeseen error's details nothing is left but its id. */
function onlyId(detail: Record<string, unknown>): unknown[] {
  const { metadata, domain } = detail;
  if (detail["@type"] !== `${rpcTypes}ErrorInfo` || !isObject(metadata) || typeof metadata[errorId] !== "string")
    return [];
  return [{ "@type": detail["@type"], domain, metadata: { [errorId]: metadata[errorId] } }];
}

/** The error id of a Status, for the edge's log. */
export function errorIdOf(status: Status): string | undefined {
  for (const detail of status.details) {
    if (!isObject(detail) || !isObject(detail.metadata)) continue;
    const id = detail.metadata[errorId];
    if (typeof id === "string") return id;
  }
  return undefined;
}

export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Where a stream's last line holds an error: `{"error": Status}` in NDJSON, the same after `data:` in SSE. */
const errorLine = /^(data:\s*)?(\{\s*"error"\s*:.*)$/s;
/** A line that grows beyond this is a message, not an error. */
const longestErrorLine = 64 * 1024;

/** Cleans the errors that a stream carries in its lines; every other byte passes as it came, at once. */
export class StreamSanitiser extends Transform {
  /** The beginning of a line that may become an error. */
  #pending: Buffer[] = [];
  #pendingBytes = 0;
  /** Within a line that is a message. */
  #passing = false;

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    let from = 0;
    for (;;) {
      const newline = chunk.indexOf(10, from);
      const piece = chunk.subarray(from, newline === -1 ? undefined : newline + 1);
      if (piece.length > 0) this.#take(piece, newline !== -1);
      if (newline === -1) return done();
      from = newline + 1;
    }
  }

  override _flush(done: TransformCallback): void {
    this.#emitPending();
    done();
  }

  #take(piece: Buffer, ends: boolean): void {
    if (!this.#passing) {
      this.#pending.push(piece);
      this.#pendingBytes += piece.length;
      const start = Buffer.concat(this.#pending).subarray(0, 32).toString("latin1");
      if (ends) this.#emitPending();
      else if (!mayBeError(start) || this.#pendingBytes > longestErrorLine) {
        this.push(Buffer.concat(this.#pending));
        this.#reset();
        this.#passing = true;
      }
      return;
    }
    this.push(piece);
    if (ends) this.#passing = false;
  }

  #emitPending(): void {
    if (this.#pendingBytes === 0) return;
    const line = Buffer.concat(this.#pending);
    this.#reset();
    const [, prefix = "", json = ""] = errorLine.exec(line.toString()) ?? [];
    const parsed = json === "" ? undefined : parseJson(json);
    if (!isObject(parsed)) this.push(line);
    else this.push(`${prefix}${JSON.stringify({ error: outsideStatus(parsed.error, 500) })}\n`);
  }

  #reset(): void {
    this.#pending = [];
    this.#pendingBytes = 0;
  }
}

/** Whether a line that begins so can still turn out to be an error. */
function mayBeError(start: string): boolean {
  const text = start.replace(/^data:?\s*/, "");
  const compact = text.replace(/\s/g, "");
  return '{"error":'.startsWith(compact) || compact.startsWith('{"error":') || "data:".startsWith(start);
}
