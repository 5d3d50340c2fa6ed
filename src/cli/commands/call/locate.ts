import { FlowError } from "../../../core/errors.ts";
import { nearest } from "../../../core/suggest.ts";
import type { Consul, ServiceInstance } from "../../../runtime/consul/index.ts";
import { ask } from "./find-consul.ts";

/** How long one service may take to say what it offers, in ms. */
const reflectMs = 2_000;

export interface Located {
  service: string;
  instance: ServiceInstance;
}

/**
 * A passing instance of the service that serves a method: the named one, or the one that says so in its tags, or, for
 * a method without a web API, in its reflection.
 * @throws FlowError FLOW_CALL_UNAVAILABLE, FLOW_CALL_NO_METHOD, FLOW_CONSUL_UNREACHABLE
 */
export async function locate(consul: Consul, method: string, service: string | undefined): Promise<Located> {
  const catalog = await ask(consul, async () => await consul.services());
  const names = Object.keys(catalog).filter((name) => name !== "consul");
  if (service !== undefined) {
    if (!names.includes(service)) throw unknownService(service, names);
    return await passing(consul, service);
  }
  const tagged = names.find((name) => catalog[name]?.some((tag) => tag.split(";", 1)[0] === `flow.method=${method}`));
  return await passing(consul, tagged ?? (await byReflection(consul, method, names)));
}

async function passing(consul: Consul, service: string): Promise<Located> {
  const instances = await ask(consul, async () => await consul.health(service, { passing: true }));
  const instance = instances[Math.floor(Math.random() * instances.length)];
  if (instance === undefined) {
    throw new FlowError("FLOW_CALL_UNAVAILABLE", `no instance of ${service} is passing`, {
      hint: `flow services shows its instances, flow logs ${service} why they are not well`,
    });
  }
  return { service, instance };
}

async function byReflection(consul: Consul, method: string, names: readonly string[]): Promise<string> {
  const offers = await Promise.all(names.map((name) => methodsOf(consul, name)));
  const found = names.find((_, index) => offers[index]?.includes(method));
  if (found !== undefined) return found;
  const guess = nearest(method, offers.flat());
  throw new FlowError("FLOW_CALL_NO_METHOD", `no service here has ${method}`, {
    hint: guess === undefined ? "flow services lists what there is" : `did you mean ${guess}? flow services lists all`,
  });
}

/** Paths of a service's methods; none where nobody answers or gRPC is not spoken. */
async function methodsOf(consul: Consul, service: string): Promise<string[]> {
  const { reflectServices } = await import("../../../runtime/reflection.ts");
  try {
    const { instance } = await passing(consul, service);
    const services = await reflectServices(addressOf(instance), { timeoutMs: reflectMs });
    return services.flatMap(({ methods }) => methods.map(({ path }) => path));
  } catch {
    return [];
  }
}

function unknownService(service: string, names: readonly string[]): FlowError {
  const guess = nearest(service, names);
  return new FlowError("FLOW_CALL_UNAVAILABLE", `there is no service "${service}" in Consul`, {
    hint: guess === undefined ? `there is: ${names.join(", ") || "none"}` : `did you mean ${guess}?`,
  });
}

/** host:port as gRPC takes it. */
export function addressOf({ address, port }: Pick<ServiceInstance, "address" | "port">): string {
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}
