import { isLockDelayed } from "./lock-delays.ts";
import { byBytes } from "./order.ts";
import type { KvRow } from "./rows.ts";
import type { Store, Write } from "./store.ts";
import { indexNames } from "./topics.ts";

/** More tombstones than this are forgotten, oldest first: the index of a prefix may then fall. */
const maxTombstones = 16_384;

export interface KvInput {
  Key: string;
  /** Base64; null for an empty value. */
  Value: string | null;
  /** Decimal digits. */
  Flags: string;
}

/** Sets a key. A lock that it holds stays, with LockIndex 0 again. */
export function setKey(store: Store, write: Write, input: KvInput): void {
  const old = store.kv.get(input.Key);
  putKey(store, write, { ...indexesOf(old), ...sessionOf(old), ...input, LockIndex: 0 });
}

/** Sets a key only at this ModifyIndex; 0 means that it must not exist. */
export function compareAndSetKey(store: Store, write: Write, input: KvInput, index: string): boolean {
  if (String(store.kv.get(input.Key)?.ModifyIndex ?? 0) !== index) return false;
  setKey(store, write, input);
  return true;
}

/** Sets and locks a key for a session that exists. False when another holds it, or its lock delay runs. */
export function lockKey(store: Store, write: Write, input: KvInput, session: string): boolean {
  const old = store.kv.get(input.Key);
  if (isLockDelayed(store, input.Key)) return false;
  if (old?.Session !== undefined && old.Session !== session) return false;
  const LockIndex = old?.Session === session ? old.LockIndex : (old?.LockIndex ?? 0) + 1;
  putKey(store, write, { ...indexesOf(old), ...input, LockIndex, Session: session });
  return true;
}

/** Sets and unlocks a key. False when the session does not hold it. */
export function unlockKey(store: Store, write: Write, input: KvInput, session: string): boolean {
  const old = store.kv.get(input.Key);
  if (old === undefined || old.Session !== session) return false;
  putKey(store, write, { ...indexesOf(old), ...input, LockIndex: old.LockIndex });
  return true;
}

/** Stores a row; the same value again changes nothing, not even its ModifyIndex. */
export function putKey(store: Store, write: Write, row: KvRow): void {
  const old = store.kv.get(row.Key);
  if (
    old !== undefined &&
    old.Value === row.Value &&
    old.Flags === row.Flags &&
    old.LockIndex === row.LockIndex &&
    old.Session === row.Session
  ) {
    return;
  }
  store.kv.set(row.Key, { ...row, CreateIndex: old?.CreateIndex ?? write.index, ModifyIndex: write.index });
  keyChanged(store, write, row.Key);
}

export function deleteKey(store: Store, write: Write, key: string): void {
  if (!store.kv.has(key)) return;
  store.kv.delete(key);
  // Once more at the end: the order of the tombstones is the order of the deletions.
  store.tombstones.delete(key);
  store.tombstones.set(key, write.index);
  for (const oldest of store.tombstones.keys()) {
    if (store.tombstones.size <= maxTombstones) break;
    store.tombstones.delete(oldest);
  }
  keyChanged(store, write, key);
}

/** Deletes a key only at this ModifyIndex. What is not there is gone already; index 0 deletes nothing. */
export function compareAndDeleteKey(store: Store, write: Write, key: string, index: string): boolean {
  const old = store.kv.get(key);
  if (old === undefined) return true;
  if (String(old.ModifyIndex) !== index) return false;
  deleteKey(store, write, key);
  return true;
}

export function deletePrefix(store: Store, write: Write, prefix: string): void {
  for (const { Key } of keysBelow(store, prefix)) deleteKey(store, write, Key);
}

/** Rows whose key begins with the prefix, by key. */
export function keysBelow(store: Store, prefix: string): KvRow[] {
  if (prefix === "") return store.kv.all();
  const rows: KvRow[] = [];
  for (const [key, row] of store.kv.entries()) if (key.startsWith(prefix)) rows.push(row);
  return rows.sort((a, b) => byBytes(a.Key, b.Key));
}

export function keyIndex(store: Store, key: string): number {
  return store.kv.get(key)?.ModifyIndex ?? store.indexOf(indexNames.kv);
}

/** Index of a prefix: of the last change or deletion below it; of the whole store when there never was any. */
export function prefixIndex(store: Store, prefix: string): number {
  if (prefix === "") return store.indexOf(indexNames.kv);
  let index = 0;
  for (const [key, row] of store.kv.entries()) if (key.startsWith(prefix)) index = Math.max(index, row.ModifyIndex);
  for (const [key, gone] of store.tombstones.entries()) if (key.startsWith(prefix)) index = Math.max(index, gone);
  return index === 0 ? store.indexOf(indexNames.kv) : index;
}

function keyChanged(store: Store, write: Write, key: string): void {
  store.indexes.set(indexNames.kv, write.index);
  write.touchKey(key);
}

function indexesOf(row: KvRow | undefined): { CreateIndex: number; ModifyIndex: number } {
  return { CreateIndex: row?.CreateIndex ?? 0, ModifyIndex: row?.ModifyIndex ?? 0 };
}

function sessionOf(row: KvRow | undefined): { Session?: string } {
  return row?.Session === undefined ? {} : { Session: row.Session };
}
