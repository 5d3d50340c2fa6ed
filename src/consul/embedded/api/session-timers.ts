import { parseDuration, toMilliseconds } from "../go/duration.ts";
import { invalidateSession } from "../store/sessions.ts";
import type { SessionRow } from "../store/rows.ts";
import type { Store } from "../store/store.ts";

/** Ends sessions that were not renewed; as with Consul, after twice their TTL. */
export class SessionTimers {
  readonly #store: Store;
  readonly #timers = new Map<string, NodeJS.Timeout>();

  /** Sessions that were loaded get their whole time again. */
  constructor(store: Store) {
    this.#store = store;
    for (const session of store.sessions.all()) this.renew(session);
  }

  renew({ ID, TTL }: SessionRow): void {
    this.forget(ID);
    const ttl = TTL === "" ? undefined : parseDuration(TTL);
    if (ttl === undefined || ttl <= 0n) return;
    this.#timers.set(
      ID,
      setTimeout(() => this.#expire(ID), 2 * toMilliseconds(ttl)),
    );
  }

  forget(id: string): void {
    clearTimeout(this.#timers.get(id));
    this.#timers.delete(id);
  }

  stop(): void {
    for (const id of this.#timers.keys()) this.forget(id);
  }

  #expire(id: string): void {
    this.#timers.delete(id);
    this.#store.write((write) => invalidateSession(this.#store, write, id));
  }
}
