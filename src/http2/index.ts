/** HTTP/2 on the wire, both roles: see README.md. */
export { Connection, type ConnectionOptions } from "./connection.ts";
export { ErrorCode, errorCodeName } from "./constants.ts";
export { ConnectionError } from "./errors.ts";
export type { ConnectionEnd, ConnectionEvents, GoAway, HeadersKind, StreamEnd, StreamEvents } from "./events.ts";
export { prepareFields, type PreparedFields } from "./hpack/encoder.ts";
export { HeaderField } from "./hpack/field.ts";
export { defaultLimits, type Limits } from "./limits.ts";
export type { Stream } from "./stream.ts";
