import type { ServiceInstance } from "../runtime/consul/index.ts";
import { Endpoint } from "./endpoint.ts";

/** The passing instances of one service, taken in turn. */
export class Pool {
  readonly service: string;
  #endpoints: readonly Endpoint[] = [];
  #turn = 0;

  constructor(service: string) {
    this.service = service;
  }

  get endpoints(): readonly Endpoint[] {
    return this.#endpoints;
  }

  /** Takes over a new list; endpoints that stay keep their connections. Returns who came and who went. */
  update(instances: readonly ServiceInstance[]): { added: Endpoint[]; removed: Endpoint[] } {
    const added: Endpoint[] = [];
    const next = instances.map((instance) => {
      const known = this.#endpoints.find((endpoint) => endpoint.matches(instance));
      if (known !== undefined) {
        known.update(instance);
        return known;
      }
      const endpoint = new Endpoint(instance);
      added.push(endpoint);
      return endpoint;
    });
    const removed = this.#endpoints.filter((endpoint) => !next.includes(endpoint));
    for (const endpoint of removed) endpoint.retire();
    this.#endpoints = next;
    return { added, removed };
  }

  /**
   * The next endpoint that offers `claim`, each in turn. Those in `tried` are left out, and those that failed
   * lately come last: when nothing else is there they are asked all the same.
   */
  pick(claim: string, tried: ReadonlySet<Endpoint>, now: number): Endpoint | undefined {
    const count = this.#endpoints.length;
    let fallback: Endpoint | undefined;
    for (let step = 0; step < count; step++) {
      const endpoint = this.#endpoints[(this.#turn + step) % count] as Endpoint;
      if (tried.has(endpoint) || !endpoint.offers(claim)) continue;
      if (endpoint.avoided(now)) {
        fallback ??= endpoint;
        continue;
      }
      this.#turn = (this.#turn + step + 1) % count;
      return endpoint;
    }
    return fallback;
  }

  /** Whether any endpoint offers `claim`. */
  offers(claim: string): boolean {
    return this.#endpoints.some((endpoint) => endpoint.offers(claim));
  }

  close(): void {
    this.update([]);
  }
}
