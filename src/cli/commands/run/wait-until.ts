import { exitCodes } from "../../../core/error-codes.ts";
import { FlowError } from "../../../core/errors.ts";
import { info } from "../../../core/events.ts";
import { failedStates, type RunClient, type RunDocument, type RunEvent } from "../../../runner/index.ts";
import type { CliContext } from "../../command.ts";

export interface Settled {
  document: RunDocument;
  /** 0 when everything is ready; else the first failing service's own, or 1. */
  exitCode: number;
}

type StateEvent = Extract<RunEvent, { type: "state" }>;

/**
 * Waits until a run is ready, has ended, or is known not to become ready, and says what each service came to.
 * @throws FlowError FLOW_TIMEOUT after `timeoutMs`, FLOW_RUN_SUPERVISOR_LOST
 */
export async function waitUntilSettled(ctx: CliContext, client: RunClient, timeoutMs: number): Promise<Settled> {
  const timeout = AbortSignal.timeout(timeoutMs);
  const services = new Map<string, StateEvent>();
  // The states of all come first, and then the run's.
  let isComplete = false;
  try {
    for await (const event of client.events({ signal: AbortSignal.any([ctx.signal, timeout]) })) {
      if (event.type === "run") {
        isComplete = true;
        if (event.state === "stopped") return ended(event);
      }
      if (event.type === "notice") info(ctx, event.text);
      if (event.type === "state" && event.kind === "service") {
        services.set(event.service, event);
        tell(ctx, event);
      }
      const isReady = event.type === "run" && event.state === "ready";
      if (!isReady && !(isComplete && hasFailed(services))) continue;
      // Where it cannot be told, the run is just ending: that is the next event.
      const document = await client.state().catch(() => undefined);
      if (document === undefined) continue;
      return { document, exitCode: isReady ? exitCodes.ok : document.run?.exitCode || exitCodes.failure };
    }
  } catch (error) {
    ctx.signal.throwIfAborted();
    if (timeout.aborted) throw late(services, timeoutMs);
    throw error;
  }
  throw new FlowError("FLOW_RUN_SUPERVISOR_LOST", "the supervisor is gone", {
    hint: "flow logs shows what was written; the next flow run begins anew",
  });
}

/** A run that ended is well only when it had nothing but jobs. */
function ended({ document, exitCode }: Extract<RunEvent, { state: "stopped"; type: "run" }>): Settled {
  const isDone = document.services.every(({ state }) => state === "completed");
  return { document, exitCode: isDone ? exitCode : exitCode || exitCodes.failure };
}

/** Whether nothing is on its way any more, and something has failed. */
function hasFailed(services: ReadonlyMap<string, StateEvent>): boolean {
  const states = [...services.values()].map(({ state }) => state);
  return states.some((state) => failedStates.includes(state)) && states.every(isSettled);
}

function isSettled(state: StateEvent["state"]): boolean {
  return state === "ready" || state === "completed" || state === "stopped" || failedStates.includes(state);
}

function tell(ctx: CliContext, { service, state, port, reason }: StateEvent): void {
  if (state === "stopped" || !isSettled(state)) return;
  const where = state === "ready" && port !== null ? ` on port ${port}` : "";
  info(ctx, `${service}: ${state}${where}${reason === null ? "" : `: ${reason}`}`);
}

function late(services: ReadonlyMap<string, StateEvent>, timeoutMs: number): FlowError {
  const waiting = [...services.values()]
    .filter(({ state }) => state !== "ready" && state !== "completed")
    .map(({ service, state, reason }) => `${service} is ${state}${reason === null ? "" : ` (${reason})`}`);
  const what = waiting.length === 0 ? "" : `: ${waiting.join(", ")}`;
  return new FlowError("FLOW_TIMEOUT", `not everything was ready within ${timeoutMs / 1_000} s${what}`, {
    hint: "flow logs tells why; the run goes on, flow stop ends it",
  });
}
