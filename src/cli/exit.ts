import { exitCodes } from "../core/error-codes.ts";
import { FlowError, isFlowError } from "../core/errors.ts";

export interface Interrupt {
  /** Aborted by the first SIGINT, SIGTERM or SIGHUP. */
  readonly signal: AbortSignal;
  readonly received: NodeJS.Signals | undefined;
  dispose(): void;
}

const numbers: Partial<Record<NodeJS.Signals, number>> = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 };

/** Turns the first signal into an abort, so that work is left in a usable state; a second one ends at once. */
export function interruptSignals(): Interrupt {
  const controller = new AbortController();
  let received: NodeJS.Signals | undefined;
  const listener = (name: NodeJS.Signals) => {
    if (received !== undefined) process.exit(128 + (numbers[name] ?? 0));
    received = name;
    controller.abort(
      new FlowError("FLOW_CANCELLED", `interrupted by ${name}`, { exitCode: 128 + (numbers[name] ?? 0) }),
    );
  };
  const names = Object.keys(numbers) as NodeJS.Signals[];
  for (const name of names) process.on(name, listener);
  return {
    signal: controller.signal,
    get received() {
      return received;
    },
    dispose: () => {
      for (const name of names) process.off(name, listener);
    },
  };
}

/** The exit code of a failed command: a signal's, the error's own, or 1. */
export function exitFor(error: unknown, interrupt: Interrupt): number {
  if (interrupt.received !== undefined) return 128 + (numbers[interrupt.received] ?? 0);
  return isFlowError(error) ? error.exitCode : exitCodes.failure;
}
