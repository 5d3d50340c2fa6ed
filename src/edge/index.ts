/**
 * The HTTP entry: learns from Consul which methods and paths services offer, and sends each request to a
 * passing instance. See tags.ts for what services say, dispatch.ts for when a request goes to a second instance,
 * sanitise.ts for what of an error reaches the outside.
 */
export { startEdge, type Edge, type EdgeOptions } from "./server.ts";
export { type EdgeLimits } from "./limits.ts";
export { createLineLog, type EdgeLog, type EdgeLogFields, type EdgeLogLevel } from "./log.ts";
export { parseTags, type Claim, type MethodClaim, type PrefixClaim } from "./tags.ts";
export type { RoutesDocument } from "./own-pages.ts";
