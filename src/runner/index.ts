/** `flow run`: starts services with what they need, supervises them, and ends them without a trace. */
export { connectRun, connectRunAt, requireRun, type RunClient } from "./client.ts";
export { foreignPorts, type ForeignPort } from "./foreign-ports.ts";
export { findHome, runPaths } from "./home.ts";
export { loggedServices } from "./log-tail.ts";
export { planAgain } from "./plan-service.ts";
export type { PlanOptions } from "./plan.ts";
export { followLogs, readLogs, type FollowOptions, type LogFilter } from "./read-logs.ts";
export { type RunScope } from "./scope.ts";
export { startRun, type StartedRun } from "./start.ts";
export {
  failedStates,
  ownLog,
  type LogLine,
  type RunDocument,
  type RunEvent,
  type RunPlan,
  type RunState,
  type ServiceState,
  type ServiceStatus,
} from "./types.ts";
