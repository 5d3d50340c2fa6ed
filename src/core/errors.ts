import { errorCodes, type ErrorCode, type ExitCode } from "./error-codes.ts";
import { redact } from "./redact.ts";

export interface FlowErrorOptions {
  /** How to go on, one or more sentences or commands. Printed after `hint: `. */
  hint?: string;
  /** Why it happened: the error or text underneath. */
  cause?: unknown;
  /** Overrides the catalogue's exit code, e.g. with a child's own. */
  exitCode?: number;
  /** Machine-readable particulars, shown with `--json`. Must hold no secrets. */
  details?: Readonly<Record<string, unknown>>;
}

/** An error that flow foresees: it says what happened, why, and how to go on. Secrets are redacted at construction. */
export class FlowError extends Error {
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  readonly exitCode: ExitCode | number;
  readonly details: Readonly<Record<string, unknown>> | undefined;

  constructor(code: ErrorCode, message: string, options: FlowErrorOptions = {}) {
    super(redact(message), options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "FlowError";
    this.code = code;
    this.hint = options.hint === undefined ? undefined : redact(options.hint);
    this.exitCode = options.exitCode ?? errorCodes[code];
    this.details = options.details;
  }
}

export function isFlowError(error: unknown, code?: ErrorCode): error is FlowError {
  return error instanceof FlowError && (code === undefined || error.code === code);
}

/** The message of anything thrown, redacted. */
export function messageOf(error: unknown): string {
  if (error instanceof Error) return redact(error.message);
  return redact(String(error));
}

/** The system error code (`ENOENT`, `ECONNREFUSED`, …) of an error, looking through `cause`. */
export function systemCode(error: unknown): string | undefined {
  for (let e: unknown = error, depth = 0; e instanceof Error && depth < 8; e = e.cause, depth++) {
    const code = (e as NodeJS.ErrnoException).code;
    if (typeof code === "string" && /^E[A-Z0-9_]+$/.test(code)) return code;
  }
  return undefined;
}
