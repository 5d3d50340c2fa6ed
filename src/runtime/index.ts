/** `goflow/runtime`: what a service imports. */
export { Code, codeName, httpStatus } from "./code.ts";
export { background, Context, currentContext, runWith } from "./context.ts";
export { cause, RpcError, toRpcError, trace, type RpcErrorOptions } from "./error.ts";
export { allowFields } from "./internal/propagation.ts";
export { defaultTransport, transportNames, type TransportName } from "./internal/transport/names.ts";
export { setLogLevel, type Logger, type LogLevel } from "./log.ts";
export { serve, type RunningServer, type ServeOptions } from "./serve.ts";
export { Service, type Server } from "./service.ts";
export type { Handlers } from "./codegen.ts";
