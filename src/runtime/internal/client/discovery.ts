import { createConsul } from "../../consul/index.ts";
import type { Endpoint } from "../transport/transport.ts";

export interface Discovery {
  /** Follows a service's passing instances until the signal is aborted. */
  follow(
    service: string,
    options: {
      signal: AbortSignal;
      onChange: (endpoints: readonly Endpoint[]) => void;
      onError: (error: unknown) => void;
    },
  ): void;
}

/** Passing instances from Consul. */
export function consulDiscovery(options: { address: string; token?: string; datacenter?: string }): Discovery {
  const consul = createConsul(options);
  return {
    follow: (service, { signal, onChange, onError }) =>
      consul.watchHealth(service, {
        passing: true,
        signal,
        onError,
        onChange: (instances) => onChange(instances.map(({ address, port }) => ({ host: address, port }))),
      }),
  };
}

/** A list that never changes. */
export function staticDiscovery(endpoints: readonly Endpoint[]): Discovery {
  return { follow: (_service, { onChange }) => onChange(endpoints) };
}

/** `host:port`, also `[::1]:80`. */
export function parseEndpoint(address: string): Endpoint {
  const at = address.lastIndexOf(":");
  return { host: address.slice(0, at).replace(/^\[|\]$/g, ""), port: Number(address.slice(at + 1)) };
}
