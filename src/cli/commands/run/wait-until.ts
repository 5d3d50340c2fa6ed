import { FlowError } from "../../../core/errors.ts";
import { info } from "../../../core/events.ts";
import { failedStates, type RunClient, type RunState } from "../../../runner/index.ts";
import type { CliContext } from "../../command.ts";

/**
 * Waits until a run is ready, or is known not to become so, and says what each service came to.
 * @throws FlowError FLOW_TIMEOUT after `timeoutMs`
 */
export async function waitUntilSettled(ctx: CliContext, client: RunClient, timeoutMs: number): Promise<RunState> {
  const timeout = AbortSignal.timeout(timeoutMs);
  const states = new Map<string, string>();
  try {
    for await (const event of client.events({ signal: AbortSignal.any([ctx.signal, timeout]) })) {
      if (event.type === "state" && event.kind === "service") {
        states.set(event.service, event.state);
        if (event.state === "ready" || event.state === "completed" || failedStates.includes(event.state)) {
          info(
            ctx,
            `${event.service}: ${event.state}${event.state === "ready" && event.port !== null ? ` on port ${event.port}` : ""}${event.reason === null ? "" : `: ${event.reason}`}`,
          );
        }
      }
      if (event.type === "run" && (event.state === "ready" || event.state === "stopped")) return event.state;
      const settled = [...states.values()].every(
        (state) => state === "ready" || state === "completed" || failedStates.includes(state as never),
      );
      if (event.type === "run" && event.state === "degraded" && settled) return event.state;
      if (
        event.type === "state" &&
        settled &&
        [...states.values()].some((state) => failedStates.includes(state as never))
      )
        return "degraded";
    }
    return "stopped";
  } catch (error) {
    ctx.signal.throwIfAborted();
    if (timeout.aborted) {
      const late = [...states]
        .filter(([, state]) => state !== "ready" && state !== "completed")
        .map(([name, state]) => `${name} is ${state}`);
      throw new FlowError(
        "FLOW_TIMEOUT",
        `not everything was ready within ${timeoutMs / 1_000} s: ${late.join(", ")}`,
        { hint: "flow logs tells why; the run goes on, flow stop ends it" },
      );
    }
    throw error;
  }
}
