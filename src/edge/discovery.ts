import type { Consul, ServiceInstance } from "../runtime/consul/index.ts";
import type { EdgeLog } from "./log.ts";
import { Pool } from "./pool.ts";
import { buildRoutes, type RouteTable } from "./route-table.ts";
import { parseTag } from "./tags.ts";

/** An empty list may be the first sign of a Consul that lost everything: it counts after this time in ms. */
const settleMs = 500;

interface DiscoveryOptions {
  log: EdgeLog;
  signal: AbortSignal;
  graceMs: number;
}

interface Watched {
  pool: Pool;
  stop: AbortController;
  tags: readonly string[];
  /** Resolves with the first answer about its instances. */
  known: Promise<void>;
  settling: NodeJS.Timeout | undefined;
}

/**
 * Routes and instances as Consul knows them. While Consul cannot be asked, the last answer stays good. When it has
 * forgotten every service at once (an agent that was wiped), so do routes for the grace time, in which
 * services register again.
 */
export class Discovery {
  readonly #consul: Consul;
  readonly #options: DiscoveryOptions;
  readonly #watched = new Map<string, Watched>();
  readonly #ready = Promise.withResolvers<void>();
  #table: RouteTable = buildRoutes(new Map());
  #synced = false;
  #failing = false;
  #holding: NodeJS.Timeout | undefined;
  #latest: ReadonlyMap<string, readonly string[]> = new Map();

  constructor(consul: Consul, options: DiscoveryOptions) {
    this.#consul = consul;
    this.#options = options;
    options.signal.addEventListener("abort", () => this.#close(), { once: true });
    consul.watchCatalog({
      signal: options.signal,
      onChange: (services) => this.#onCatalog(services),
      onError: (error) => this.#onError(error),
    });
  }

  get table(): RouteTable {
    return this.#table;
  }

  /** Whether Consul has answered once. */
  get synced(): boolean {
    return this.#synced;
  }

  /** Whether the last question to Consul failed. */
  get failing(): boolean {
    return this.#failing;
  }

  /** Resolves when the first routes and their instances are known. */
  get ready(): Promise<void> {
    return this.#ready.promise;
  }

  pool(service: string): Pool | undefined {
    return this.#watched.get(service)?.pool;
  }

  get pools(): Pool[] {
    return [...this.#watched.values()].map(({ pool }) => pool);
  }

  #onCatalog(services: Readonly<Record<string, readonly string[]>>): void {
    this.#recovered();
    const next = new Map(
      Object.entries(services).filter(([, tags]) => tags.some((tag) => parseTag(tag) !== undefined)),
    );
    if (next.size === 0 && this.#watched.size > 0 && this.#holding === undefined) this.#hold();
    this.#latest = next;
    this.#apply();
  }

  #hold(): void {
    const { log, graceMs } = this.#options;
    log("warn", "Consul knows no service any more; the last routes stay for a while", { graceMs });
    this.#holding = setTimeout(() => {
      this.#holding = undefined;
      this.#apply();
    }, graceMs);
  }

  /** Brings watches and table in line with the catalog's latest answer. */
  #apply(): void {
    const before = this.#table;
    for (const [service, tags] of this.#latest) {
      const watched = this.#watched.get(service);
      if (watched === undefined) this.#watch(service, tags);
      else watched.tags = tags;
    }
    for (const [service, watched] of this.#watched) {
      if (this.#latest.has(service) || this.#holding !== undefined) continue;
      this.#unwatch(service, watched);
    }
    this.#table = buildRoutes(new Map([...this.#watched].map(([service, { tags }]) => [service, tags])));
    this.#report(before);
    if (this.#synced) return;
    this.#synced = true;
    void Promise.all([...this.#watched.values()].map(({ known }) => known)).then(() => this.#ready.resolve());
  }

  #watch(service: string, tags: readonly string[]): void {
    const stop = new AbortController();
    const known = Promise.withResolvers<void>();
    const watched: Watched = { pool: new Pool(service), stop, tags, known: known.promise, settling: undefined };
    this.#watched.set(service, watched);
    this.#consul.watchHealth(service, {
      // All of them, to tell a service whose instances are unwell from one that is gone.
      passing: false,
      signal: AbortSignal.any([stop.signal, this.#options.signal]),
      onChange: (instances) => {
        this.#recovered();
        this.#onInstances(watched, instances);
        known.resolve();
      },
      onError: (error) => this.#onError(error),
    });
  }

  #onInstances(watched: Watched, instances: readonly ServiceInstance[]): void {
    clearTimeout(watched.settling);
    watched.settling = undefined;
    if (instances.length === 0 && watched.pool.endpoints.length > 0) {
      const settle = () => {
        if (this.#holding === undefined) this.#replace(watched, []);
        else watched.settling = setTimeout(settle, settleMs);
      };
      watched.settling = setTimeout(settle, settleMs);
      return;
    }
    this.#replace(
      watched,
      instances.filter(({ status }) => status === "passing"),
    );
  }

  #replace({ pool }: Watched, instances: readonly ServiceInstance[]): void {
    const { added, removed } = pool.update(instances);
    const { log } = this.#options;
    const passing = pool.endpoints.length;
    for (const { id, address } of added) log("info", "instance joins", { service: pool.service, id, address, passing });
    for (const { id, address } of removed) {
      log("info", "instance leaves", { service: pool.service, id, address, passing });
    }
  }

  #unwatch(service: string, watched: Watched): void {
    watched.stop.abort();
    clearTimeout(watched.settling);
    watched.pool.close();
    this.#watched.delete(service);
  }

  #report(before: RouteTable): void {
    const { log } = this.#options;
    const known = new Set([...before.conflicts, ...before.refused].map((entry) => JSON.stringify(entry)));
    const after = this.#table;
    for (const conflict of after.conflicts) {
      if (known.has(JSON.stringify(conflict))) continue;
      const { claim, services } = conflict;
      log("error", "conflicting routes refused: several services claim one", { claim, services: services.join(",") });
    }
    for (const refusal of after.refused) {
      if (known.has(JSON.stringify(refusal))) continue;
      log("error", "route refused", { service: refusal.service, tag: refusal.tag, reason: refusal.reason });
    }
    const counts = (table: RouteTable) => `${table.methods.size}/${table.prefixes.length}/${table.conflicts.length}`;
    if (counts(before) === counts(after)) return;
    const { methods, prefixes, conflicts } = after;
    log("info", "routes", { methods: methods.size, prefixes: prefixes.length, conflicts: conflicts.length });
  }

  #onError(error: unknown): void {
    if (this.#failing || this.#options.signal.aborted) return;
    this.#failing = true;
    const reason = error instanceof Error ? error.message : String(error);
    this.#options.log("warn", "Consul cannot be asked; the last routes stay", { consul: this.#consul.address, reason });
  }

  #recovered(): void {
    if (!this.#failing) return;
    this.#failing = false;
    this.#options.log("info", "Consul answers again", { consul: this.#consul.address });
  }

  #close(): void {
    clearTimeout(this.#holding);
    for (const [service, watched] of this.#watched) this.#unwatch(service, watched);
  }
}
