/** Transports by the names that FLOW_TRANSPORT and `serve` know them by. */
export const transportNames = ["grpc-js", "native"] as const;

export type TransportName = (typeof transportNames)[number];

export const defaultTransport: TransportName = "grpc-js";
