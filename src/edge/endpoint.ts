import { Agent } from "node:http";
import type { ServiceInstance } from "../runtime/consul/index.ts";
import { parseTags } from "./tags.ts";

const firstPenaltyMs = 250;
const longestPenaltyMs = 5_000;

/** One instance as the edge reaches it: its connections, its load, its recent failures. */
export class Endpoint {
  readonly id: string;
  readonly host: string;
  readonly port: number;
  readonly agent: Agent;
  /** Methods and prefixes that this very instance offers; in a rolling update they differ from its neighbour's. */
  #claims: ReadonlySet<string>;
  #inFlight = 0;
  #failures = 0;
  #avoidUntil = 0;
  #retired = false;

  constructor(instance: ServiceInstance) {
    this.id = instance.id;
    this.host = instance.address;
    this.port = instance.port;
    this.agent = new Agent({ keepAlive: true, maxFreeSockets: 64, scheduling: "lifo" });
    this.#claims = claimsOf(instance.tags);
  }

  get address(): string {
    return this.host.includes(":") ? `[${this.host}]:${this.port}` : `${this.host}:${this.port}`;
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  /** Whether `instance` is this endpoint: the same id at the same address. */
  matches(instance: ServiceInstance): boolean {
    return this.id === instance.id && this.host === instance.address && this.port === instance.port;
  }

  update(instance: ServiceInstance): void {
    this.#claims = claimsOf(instance.tags);
  }

  offers(claim: string): boolean {
    return this.#claims.has(claim);
  }

  /** Whether it failed so recently that others are tried first. */
  avoided(now: number): boolean {
    return now < this.#avoidUntil;
  }

  /** Counts a request in; the result counts it out. */
  enter(): () => void {
    this.#inFlight++;
    return () => {
      this.#inFlight--;
      if (this.#retired && this.#inFlight === 0) this.agent.destroy();
    };
  }

  succeeded(): void {
    this.#failures = 0;
    this.#avoidUntil = 0;
  }

  /** Could not be reached or broke off: it is avoided for a while that grows with each failure in a row. */
  failed(now: number): void {
    this.#avoidUntil = now + Math.min(longestPenaltyMs, firstPenaltyMs * 2 ** this.#failures);
    this.#failures = Math.min(this.#failures + 1, 16);
  }

  /** No longer picked: idle connections close now, the others when their request has ended. */
  retire(): void {
    this.#retired = true;
    if (this.#inFlight === 0) return this.agent.destroy();
    for (const sockets of Object.values(this.agent.freeSockets)) for (const socket of sockets ?? []) socket.destroy();
  }
}

function claimsOf(tags: readonly string[]): ReadonlySet<string> {
  const claims = new Set<string>();
  for (const claim of parseTags(tags)) {
    if (claim.kind === "prefix") claims.add(claim.prefix);
    else if (claim.kind === "method" && claim.enabled) claims.add(claim.method);
  }
  return claims;
}
