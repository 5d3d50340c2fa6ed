import { Code } from "../../code.ts";
import { environment } from "../../environment.ts";
import { RpcError } from "../../error.ts";
import { selectTransport, type ClientTls, type Transport } from "../transport/index.ts";
import { consulDiscovery, parseEndpoint, staticDiscovery, type Discovery } from "./discovery.ts";
import { environmentTls } from "./environment-tls.ts";
import { Target } from "./target.ts";

export interface TargetChoice {
  /** host:port of instances, instead of discovery. */
  endpoints?: readonly string[];
  transport?: Transport;
  /** Default FLOW_TLS_CA, FLOW_TLS_NAME, FLOW_TLS_CERT and FLOW_TLS_KEY. */
  tls?: ClientTls;
}

const targets = new Map<string, Target>();
const overrides = new Map<string, TargetChoice>();
let discovery: Discovery | undefined;

/** Changes when what {@link targetFor} gives may be another one. */
let generation = 0;

/** Gives {@link targetFor}'s answer again and again, asking anew only when targets were closed or sent elsewhere. */
export function targetLookup(service: string, asked: TargetChoice): () => Target {
  let found: Target | undefined;
  let foundIn = -1;
  return () => {
    if (found === undefined || foundIn !== generation) {
      found = targetFor(service, asked);
      foundIn = generation;
    }
    return found;
  };
}

/** The one Target of this process for a service. */
export function targetFor(service: string, asked: TargetChoice = {}): Target {
  const choice = overrides.get(service) ?? asked;
  const endpoints = choice.endpoints ?? environment.target(service);
  const transport = choice.transport ?? selectTransport();
  const tls = choice.tls ?? environmentTls();
  const key = [service, transport.name, JSON.stringify(tls), ...endpoints].join(" ");
  let target = targets.get(key);
  if (target === undefined) {
    target = new Target({
      service,
      transport,
      userAgent: environment.service ?? "flow",
      ...(tls === undefined ? {} : { tls }),
      discovery: endpoints.length > 0 ? staticDiscovery(endpoints.map(parseEndpoint)) : shared(service),
    });
    targets.set(key, target);
  }
  return target;
}

function shared(service: string): Discovery {
  if (discovery !== undefined) return discovery;
  if (environment.consul === undefined) {
    throw new RpcError(
      Code.Unavailable,
      `${service} cannot be found: neither FLOW_CONSUL_ADDR nor FLOW_TARGET_${service.replaceAll("-", "_").toUpperCase()} is set`,
      { reason: "NO_DISCOVERY" },
    );
  }
  return (discovery = consulDiscovery({
    address: environment.consul,
    ...(environment.consulToken === undefined ? {} : { token: environment.consulToken }),
    ...(environment.datacenter === undefined ? {} : { datacenter: environment.datacenter }),
  }));
}

/** Ends every connection and watch of this process. */
export function closeTargets(): void {
  for (const target of targets.values()) target.close();
  targets.clear();
  generation++;
  discovery = undefined;
}

/** Sends this process's calls of a service elsewhere; returns what takes it back. */
export function overrideTarget(service: string, choice: TargetChoice): () => void {
  overrides.set(service, choice);
  generation++;
  return () => {
    overrides.delete(service);
    generation++;
  };
}
