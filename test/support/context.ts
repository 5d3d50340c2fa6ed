import { fileURLToPath } from "node:url";
import type { FlowContext } from "../../src/core/context.ts";
import { FlowError } from "../../src/core/errors.ts";
import type { FlowEvent } from "../../src/core/events.ts";
import { describeInstallation } from "../../src/core/installation.ts";

/** Root of this checkout. */
export const checkoutRoot = fileURLToPath(new URL("../..", import.meta.url)).replace(/\/$/, "");

/** A context for tests of features: it collects events, asks nobody, and runs in `cwd`. */
export function testContext(cwd: string, overrides: Partial<FlowContext> = {}): FlowContext & { events: FlowEvent[] } {
  const events: FlowEvent[] = [];
  return {
    cwd,
    env: process.env,
    signal: new AbortController().signal,
    emit: (event) => void events.push(event),
    now: () => new Date(),
    installation: describeInstallation(checkoutRoot, process.execPath),
    interactive: false,
    confirm: async (question) => {
      throw new FlowError("FLOW_CONFIRMATION_REQUIRED", question);
    },
    ...overrides,
    events,
  };
}
