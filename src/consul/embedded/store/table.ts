import { byBytes } from "./order.ts";

/** One change of a table, enough to journal it and to take it back. */
export interface Change {
  table: string;
  key: string;
  /** The new row; undefined for a deletion. */
  row: unknown;
  undo: () => void;
}

/** A keyed set of rows that reports its changes and can be asked by groups (a foreign key, in effect). */
export class Table<Row, Group extends string = never> {
  readonly name: string;
  readonly #rows = new Map<string, Row>();
  readonly #groupOf: Readonly<Record<Group, (row: Row) => string | undefined>>;
  readonly #groups = new Map<string, Set<string>>();
  readonly #record: (change: Change) => void;

  constructor(
    name: string,
    groups: Readonly<Record<Group, (row: Row) => string | undefined>>,
    record: (change: Change) => void,
  ) {
    this.name = name;
    this.#groupOf = groups;
    this.#record = record;
  }

  get(key: string): Row | undefined {
    return this.#rows.get(key);
  }

  has(key: string): boolean {
    return this.#rows.has(key);
  }

  get size(): number {
    return this.#rows.size;
  }

  keys(): MapIterator<string> {
    return this.#rows.keys();
  }

  entries(): MapIterator<[string, Row]> {
    return this.#rows.entries();
  }

  /** All rows, by key. */
  all(): Row[] {
    return this.#sorted(this.#rows.keys());
  }

  /** The rows of a group, by key. */
  group(group: Group, value: string): Row[] {
    return this.#sorted(this.#groups.get(groupKey(group, value)) ?? []);
  }

  hasGroup(group: Group, value: string): boolean {
    return this.#groups.has(groupKey(group, value));
  }

  set(key: string, row: Row): void {
    const old = this.#replace(key, row);
    this.#record({ table: this.name, key, row, undo: () => this.#replace(key, old) });
  }

  delete(key: string): void {
    if (!this.#rows.has(key)) return;
    const old = this.#replace(key, undefined);
    this.#record({ table: this.name, key, row: undefined, undo: () => this.#replace(key, old) });
  }

  /** Puts a row back while state is loaded; nothing is recorded. */
  restore(key: string, row: Row | undefined): void {
    this.#replace(key, row);
  }

  #sorted(keys: Iterable<string>): Row[] {
    return [...keys].sort(byBytes).map((key) => this.#rows.get(key) as Row);
  }

  #replace(key: string, row: Row | undefined): Row | undefined {
    const old = this.#rows.get(key);
    for (const group of Object.keys(this.#groupOf) as Group[]) {
      const before = old === undefined ? undefined : this.#groupOf[group](old);
      const after = row === undefined ? undefined : this.#groupOf[group](row);
      if (before === after) continue;
      if (before !== undefined) this.#leave(groupKey(group, before), key);
      if (after !== undefined) this.#enter(groupKey(group, after), key);
    }
    if (row === undefined) this.#rows.delete(key);
    else this.#rows.set(key, row);
    return old;
  }

  #enter(group: string, key: string): void {
    const members = this.#groups.get(group);
    if (members === undefined) this.#groups.set(group, new Set([key]));
    else members.add(key);
  }

  #leave(group: string, key: string): void {
    const members = this.#groups.get(group);
    members?.delete(key);
    if (members?.size === 0) this.#groups.delete(group);
  }
}

function groupKey(group: string, value: string): string {
  return `${group}\0${value}`;
}
