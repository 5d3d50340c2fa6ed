import { FlowError } from "../../../core/errors.ts";
import { nearest } from "../../../core/suggest.ts";
import type { Consul, ServiceInstance } from "../../../runtime/consul/index.ts";
import { ask } from "./find-consul.ts";

/** How long one service may take to say what it offers, in ms. */
const reflectMs = 2_000;

/**
 * Addresses of the passing instances of the service that serves a method, from a random one on: of the named service, or
 * of the one that says so in its tags, or, for a method without a web API, in its reflection.
 * @throws FlowError FLOW_CALL_UNAVAILABLE, FLOW_CALL_NO_METHOD, FLOW_CONSUL_UNREACHABLE
 */
export async function locate(consul: Consul, method: string, service: string | undefined): Promise<string[]> {
  const catalog = await ask(consul, async () => await consul.services());
  const names = Object.keys(catalog).filter((name) => name !== "consul");
  if (service !== undefined) {
    if (!names.includes(service)) throw unknownService(service, names);
    return await passing(consul, service);
  }
  const tagged = names.find((name) => catalog[name]?.some((tag) => tag.split(";", 1)[0] === `flow.method=${method}`));
  return await passing(consul, tagged ?? (await byReflection(consul, method, names)));
}

async function passing(consul: Consul, service: string): Promise<string[]> {
  const instances = await ask(consul, async () => await consul.health(service, { passing: true }));
  if (instances.length === 0) {
    throw new FlowError("FLOW_CALL_UNAVAILABLE", `no instance of ${service} is passing`, {
      hint: `flow services shows its instances, flow logs ${service} why they are not well`,
    });
  }
  const from = Math.floor(Math.random() * instances.length);
  return [...instances.slice(from), ...instances.slice(0, from)].map(addressOf);
}

async function byReflection(consul: Consul, method: string, names: readonly string[]): Promise<string> {
  const offers = await Promise.all(names.map((name) => methodsOf(consul, name)));
  const found = names.find((_, index) => offers[index]?.includes(method));
  if (found !== undefined) return found;
  const known = offers.flat();
  const guess = known.find((path) => shortName(path) === shortName(method)) ?? nearest(method, known);
  throw new FlowError("FLOW_CALL_NO_METHOD", `no service here has ${method}`, {
    hint: guess === undefined ? "flow services lists what there is" : `did you mean ${guess}? flow services lists all`,
  });
}

/** `product/get` of `/common.Product/Get`: what people remember of it. */
function shortName(path: string): string {
  return path.replace(/^\/(.*\.)?/, "").toLowerCase();
}

/** Paths of a service's methods; none where nobody answers or gRPC is not spoken. */
async function methodsOf(consul: Consul, service: string): Promise<string[]> {
  const { reflectServices } = await import("../../../runtime/reflection.ts");
  try {
    const services = await firstReachable(await passing(consul, service), async (address) =>
      reflectServices(address, { timeoutMs: reflectMs }),
    );
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

/** Asks one instance after the other while nobody answers: Consul learns of a death only at its next check. */
export async function firstReachable<T>(
  addresses: readonly string[],
  open: (address: string) => Promise<T>,
): Promise<T> {
  for (const address of addresses.slice(0, -1)) {
    try {
      return await open(address);
    } catch (error) {
      if (!isUnavailable(error)) throw error;
    }
  }
  return await open(addresses.at(-1) as string);
}

function isUnavailable(error: unknown): boolean {
  return error instanceof Error && "codeName" in error && error.codeName === "UNAVAILABLE";
}

/** host:port as gRPC takes it. */
export function addressOf({ address, port }: Pick<ServiceInstance, "address" | "port">): string {
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}
