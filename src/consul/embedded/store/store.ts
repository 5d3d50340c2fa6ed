import { Journal, type Entry } from "./journal.ts";
import type { CheckRow, KvRow, NodeRow, ServiceRow, SessionRow } from "./rows.ts";
import { Table, type Change } from "./table.ts";
import { topics as names } from "./topics.ts";
import { Watchers, type Interest } from "./watchers.ts";

/** What one transaction wakes beside the rows it changes. */
export interface Write {
  /** Index of this transaction: ModifyIndex of what it changes. */
  readonly index: number;
  /** Wakes the queries that wait for a topic. */
  touch(topic: string): void;
  /** Wakes the queries that wait for a key or for a prefix of it. */
  touchKey(key: string): void;
}

/**
 * The agent's state: tables, one index that only rises, and who waits for what. All changes go through `write`, which
 * is atomic in memory and, with a journal, on disk.
 */
export class Store {
  // Before the tables: they enter themselves here.
  readonly #tables = new Map<string, Table<unknown, string>>();
  readonly nodes = this.#table<NodeRow>("nodes");
  readonly services = this.#table<ServiceRow, "name" | "node">("services", {
    name: (row) => row.Service.toLowerCase(),
    node: (row) => row.Node.toLowerCase(),
  });
  readonly checks = this.#table<CheckRow, "node" | "service" | "serviceName">("checks", {
    node: (row) => row.Node.toLowerCase(),
    service: (row) => (row.ServiceID === "" ? undefined : serviceKey(row.Node, row.ServiceID)),
    serviceName: (row) => (row.ServiceID === "" ? undefined : row.ServiceName.toLowerCase()),
  });
  readonly kv = this.#table<KvRow, "session">("kv", { session: (row) => row.Session });
  /** Deleted keys and the index of their deletion, so that the index of a prefix rises when a key goes. */
  readonly tombstones = this.#table<number>("tombstones");
  readonly sessions = this.#table<SessionRow, "node">("sessions", { node: (row) => row.Node.toLowerCase() });
  /** Last index of a table, of a service, of a node. */
  readonly indexes = this.#table<number>("indexes");
  /** What was registered with this agent itself; rows belong to `agent/`. */
  readonly agentServices = this.#table<unknown>("agent.services");
  readonly agentChecks = this.#table<unknown>("agent.checks");
  readonly agentFacts = this.#table<string>("agent.facts");

  /** Rises with every change; answers computed at one generation stay true within it. */
  generation = 0;
  readonly #watchers = new Watchers();
  readonly #journal: Journal | undefined;
  #index = 0;
  #pending: Change[] | undefined;

  /** Loads the state of `dir`; without one nothing outlives the process. */
  constructor(dir?: string) {
    if (dir === undefined) return;
    this.#journal = new Journal(dir);
    this.#journal.load((entries, index) => {
      for (const [table, key, row] of entries) this.#tables.get(table)?.restore(key, row);
      this.#index = index;
    });
    this.#journal.snapshot(this.#index, this.#entries());
  }

  /** Runs a transaction: all of its changes are kept, or, when it throws, none. It must not be nested. */
  write<T>(work: (write: Write) => T): T {
    const changes: Change[] = [];
    const topics = new Set<string>();
    const keys: string[] = [];
    const write = {
      index: this.#index + 1,
      touch: (topic: string) => void topics.add(topic),
      touchKey: (key: string) => void keys.push(key),
    };
    this.#pending = changes;
    let result: T;
    try {
      result = work(write);
      if (changes.length > 0) this.#persist(write.index, changes);
    } catch (error) {
      for (const change of changes.toReversed()) change.undo();
      throw error;
    } finally {
      this.#pending = undefined;
    }
    if (changes.length === 0) return result;
    this.#index = write.index;
    for (const key of keys) topics.add(names.key(key));
    this.wake(topics, keys);
    return result;
  }

  /** Wakes waiters without a change of a table (events are not kept in one). */
  wake(topics: Iterable<string>, keys: readonly string[] = []): void {
    this.generation++;
    // The writer gets its answer before a thousand watches get theirs.
    setImmediate(() => this.#watchers.notify(topics, keys));
  }

  wait(interest: Interest, wake: () => void): () => void {
    return this.#watchers.wait(interest, wake);
  }

  /** The highest of these indexes; Consul never answers with 0. */
  indexOf(...names: readonly string[]): number {
    return Math.max(1, ...names.map((name) => this.indexes.get(name) ?? 0));
  }

  close(): void {
    this.#journal?.close();
  }

  #persist(index: number, changes: readonly Change[]): void {
    if (this.#journal === undefined) return;
    this.#journal.append(
      index,
      changes.map(({ table, key, row }): Entry => (row === undefined ? [table, key] : [table, key, row])),
    );
    if (this.#journal.wantsSnapshot) this.#journal.snapshot(index, this.#entries());
  }

  #entries(): Entry[] {
    return [...this.#tables.values()].flatMap((table) =>
      [...table.entries()].map(([key, row]): Entry => [table.name, key, row]),
    );
  }

  #table<Row, Group extends string = never>(
    name: string,
    groups: Readonly<Record<Group, (row: Row) => string | undefined>> = {} as never,
  ): Table<Row, Group> {
    const table = new Table<Row, Group>(name, groups, (change) => {
      if (this.#pending === undefined) throw new Error(`table ${name} was changed outside a transaction`);
      this.#pending.push(change);
    });
    this.#tables.set(name, table as unknown as Table<unknown, string>);
    return table;
  }
}

/** Node names are compared without case, service ids with it. */
export function serviceKey(node: string, id: string): string {
  return `${node.toLowerCase()}\0${id}`;
}

export function checkKey(node: string, id: string): string {
  return `${node.toLowerCase()}\0${id}`;
}
