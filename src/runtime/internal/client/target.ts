import { Code } from "../../code.ts";
import { RpcError } from "../../error.ts";
import type { ClientTls, Connection, Endpoint, Transport } from "../transport/transport.ts";
import { Breaker } from "./breaker.ts";
import { RetryBudget } from "./budget.ts";
import type { Discovery } from "./discovery.ts";

export interface TargetOptions {
  service: string;
  transport: Transport;
  discovery: Discovery;
  userAgent: string;
  tls?: ClientTls;
  /** Ms that the last good list serves on after an empty one came, default 10,000. */
  graceMs?: number;
  /** Ms to wait for the first list, default 3,000. */
  firstListMs?: number;
}

/** An instance with its connection and what is known of its health. */
export interface Instance {
  readonly key: string;
  readonly connection: Connection;
  breaker(method: string): Breaker;
}

/** The connections of this process to one service, picked from in turn. */
export class Target {
  readonly budget: RetryBudget = new RetryBudget();
  readonly #options: TargetOptions;
  readonly #stop = new AbortController();
  #instances: readonly Instance[] = [];
  #next = Math.floor(Math.random() * 1_000);
  #ready: Promise<void>;
  #emptySince: number | undefined;
  #lastError: unknown;

  constructor(options: TargetOptions) {
    this.#options = options;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#ready = promise;
    options.discovery.follow(options.service, {
      signal: this.#stop.signal,
      onChange: (endpoints) => {
        this.#update(endpoints);
        resolve();
      },
      onError: (error) => {
        this.#lastError = error;
      },
    });
  }

  /** Instances now, for tests and diagnosis. */
  get instances(): readonly Instance[] {
    return this.#instances;
  }

  #update(endpoints: readonly Endpoint[]): void {
    if (endpoints.length === 0 && this.#instances.length > 0) {
      // The last good list serves on for a while: an empty one is more often a fault of discovery than the truth.
      this.#emptySince ??= performance.now();
      return;
    }
    this.#emptySince = undefined;
    const { userAgent, tls } = this.#options;
    const connectOptions = { userAgent, ...(tls === undefined ? {} : { tls }) };
    const known = new Map(this.#instances.map((instance) => [instance.key, instance]));
    this.#instances = endpoints.map((endpoint) => {
      const key = `${endpoint.host}:${endpoint.port}`;
      const instance = known.get(key);
      known.delete(key);
      return instance ?? createInstance(key, this.#options.transport.connect(endpoint, connectOptions));
    });
    // Calls in flight on an instance that left go on to their end.
    for (const gone of known.values()) gone.connection.close();
  }

  /**
   * The next instance in turn, at once when there is a list; `tried` ones only when there is no other. `deadline`:
   * epoch ms.
   * @throws RpcError UNAVAILABLE when there is none: at once, or after the wait for the very first list
   */
  pick(method: string, tried: ReadonlySet<string>, deadline: number | undefined): Instance | Promise<Instance> {
    return this.#instances.length > 0 ? this.#pick(method, tried) : this.#pickLater(method, tried, deadline);
  }

  async #pickLater(method: string, tried: ReadonlySet<string>, deadline: number | undefined): Promise<Instance> {
    await this.#waitForFirst(deadline === undefined ? undefined : deadline - Date.now());
    return this.#pick(method, tried);
  }

  #pick(method: string, tried: ReadonlySet<string>): Instance {
    if (this.#emptySince !== undefined && performance.now() - this.#emptySince > (this.#options.graceMs ?? 10_000)) {
      for (const { connection } of this.#instances) connection.close();
      this.#instances = [];
      this.#emptySince = undefined;
    }
    const count = this.#instances.length;
    if (count === 0) throw this.#unavailable();
    const start = this.#next++ % count;
    let fresh: Instance | undefined;
    for (let offset = 0; offset < count; offset++) {
      const instance = this.#instances[(start + offset) % count] as Instance;
      if (tried.has(instance.key)) continue;
      if (instance.breaker(method).allows()) return instance;
      fresh ??= instance;
    }
    // With every breaker open the next in turn is as good as any.
    return fresh ?? (this.#instances[start] as Instance);
  }

  async #waitForFirst(remainingMs: number | undefined): Promise<void> {
    const ms = Math.min(this.#options.firstListMs ?? 3_000, remainingMs ?? Infinity);
    let timer: NodeJS.Timeout | undefined;
    await Promise.race([this.#ready, new Promise((resolve) => (timer = setTimeout(resolve, ms)))]);
    clearTimeout(timer);
  }

  #unavailable(): RpcError {
    const why = this.#lastError instanceof Error ? `: ${this.#lastError.message}` : "";
    return new RpcError(Code.Unavailable, `no instance of ${this.#options.service} is passing${why}`, {
      reason: "NO_INSTANCE",
      fields: { service: this.#options.service },
    });
  }

  close(): void {
    this.#stop.abort();
    for (const { connection } of this.#instances) connection.close();
  }
}

function createInstance(key: string, connection: Connection): Instance {
  const breakers = new Map<string, Breaker>();
  return {
    key,
    connection,
    breaker: (method) => {
      let breaker = breakers.get(method);
      if (breaker === undefined) breakers.set(method, (breaker = new Breaker()));
      return breaker;
    },
  };
}
