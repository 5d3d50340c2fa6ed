import type { ClientRequest, IncomingMessage, OutgoingHttpHeaders } from "node:http";
import { attempt, AttemptFailed } from "./attempt.ts";
import type { RequestBody } from "./body.ts";
import { deadlineFor } from "./deadline.ts";
import type { Endpoint } from "./endpoint.ts";
import type { EdgeLimits } from "./limits.ts";
import type { EdgeLog } from "./log.ts";
import type { Pool } from "./pool.ts";
import type { RetryBudget } from "./retry-budget.ts";
import type { EdgeFailure } from "./status.ts";

/** An answer that the edge has to give itself. */
export class Refused extends Error {
  readonly failure: EdgeFailure;
  constructor(failure: EdgeFailure, cause?: unknown) {
    super(failure.message, cause === undefined ? undefined : { cause });
    this.failure = failure;
  }
}

export interface DispatchOptions {
  pool: Pool;
  /** The method or prefix that the instance must offer. */
  claim: string;
  method: string;
  path: string;
  headers: OutgoingHttpHeaders;
  body: RequestBody;
  /** Most bytes of a streamed body. */
  bodyLimit: number;
  /** Whether the request may be carried out twice. */
  idempotent: boolean;
  /** When the client's patience ends, on the clock of `performance.now()`. */
  deadline: number | undefined;
  signal: AbortSignal;
  /** Aborts the signal when nothing comes back in time. */
  onSilence: () => void;
  limits: EdgeLimits;
  budget: RetryBudget;
  log: EdgeLog;
}

export interface Dispatched {
  endpoint: Endpoint;
  upstream: ClientRequest;
  response: IncomingMessage;
}

/**
 * Sends a request to the next instance in turn, and to another one when that is safe: when the instance saw none of it,
 * or when the request is idempotent, held as a whole, and the budget of repetitions allows it.
 * @throws Refused when no instance answered; BodyTooLarge; the signal's reason
 */
export async function dispatch(options: DispatchOptions): Promise<Dispatched> {
  const { pool, claim, limits, budget } = options;
  const tried = new Set<Endpoint>();
  let last: AttemptFailed | undefined;
  budget.earn();
  for (let tries = 0; tries < limits.attempts; tries++) {
    const endpoint = pool.pick(claim, tried, performance.now());
    if (endpoint === undefined) break;
    tried.add(endpoint);
    try {
      return await attemptAt(endpoint, options);
    } catch (error) {
      if (!(error instanceof AttemptFailed)) throw error;
      last = error;
      options.log("warn", "instance gave no answer", {
        service: pool.service,
        id: endpoint.id,
        address: endpoint.address,
        reason: error.message,
        sent: error.sent,
      });
      if (error.sent && !mayRepeat(options)) throw brokenOff(error);
      // A kept connection may have died with an earlier life of the instance: that says nothing of the present one.
      if (error.reused) tried.delete(endpoint);
      else endpoint.failed(performance.now());
    }
  }
  if (last?.sent === true) throw brokenOff(last);
  throw unavailable(last);
}

async function attemptAt(endpoint: Endpoint, options: DispatchOptions): Promise<Dispatched> {
  const { method, path, body, headers, deadline, limits, signal } = options;
  const leave = endpoint.enter();
  let silence: NodeJS.Timeout | undefined;
  try {
    const remaining = deadline === undefined ? undefined : deadline - performance.now();
    const { upstream, response } = await attempt({
      endpoint,
      method,
      path,
      headers: { ...headers, ...(remaining === undefined ? {} : deadlineFor(remaining)) },
      body,
      limit: options.bodyLimit,
      connectMs: limits.connectMs,
      signal,
      onSent: () => {
        if (deadline === undefined) silence = setTimeout(options.onSilence, limits.responseMs);
      },
    });
    endpoint.succeeded();
    upstream.once("close", leave);
    return { endpoint, upstream, response };
  } catch (error) {
    leave();
    throw error;
  } finally {
    clearTimeout(silence);
  }
}

function mayRepeat({ idempotent, body, budget }: DispatchOptions): boolean {
  return idempotent && body.kind !== "stream" && budget.spend();
}

function unavailable(last: AttemptFailed | undefined): Refused {
  const [message, reason] =
    last === undefined ? ["no instance is available", "NO_INSTANCE"] : ["no instance could be reached", "UNREACHABLE"];
  return new Refused({ code: "UNAVAILABLE", message, reason, headers: { "retry-after": "1" } }, last);
}

/** The instance may have carried the request out or not; the client has to decide. */
function brokenOff(cause: AttemptFailed): Refused {
  const message = "the connection to the instance broke off before it answered";
  return new Refused({ code: "UNAVAILABLE", message, reason: "BROKEN_OFF", status: 502 }, cause);
}
