import type { FlowContext } from "./context.ts";

/** How long a host may give no sign of life, in ms: FLOW_NETWORK_TIMEOUT in seconds, default 30. */
export function networkTimeoutMs({ env }: Pick<FlowContext, "env">): number {
  const seconds = Number(env.FLOW_NETWORK_TIMEOUT);
  return Number.isFinite(seconds) && seconds > 0 ? seconds * 1_000 : 30_000;
}
