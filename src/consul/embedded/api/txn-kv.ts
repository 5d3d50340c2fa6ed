import {
  compareAndDeleteKey,
  compareAndSetKey,
  deleteKey,
  deletePrefix,
  keysBelow,
  lockKey,
  setKey,
  unlockKey,
  type KvInput,
} from "../store/kv.ts";
import type { KvRow } from "../store/rows.ts";
import type { Store, Write } from "../store/store.ts";
import { kvView } from "./kv.ts";
import { OperationError } from "./operation-error.ts";

export interface KvOperation {
  Verb?: string;
  Key?: string;
  Value?: string;
  Flags?: string;
  Index?: string;
  Session?: string;
}

/** Does one key operation. What it wrote comes back without the value, as Consul has it. @throws OperationError */
export function applyKv(store: Store, write: Write, operation: KvOperation): ReturnType<typeof kvView>[] {
  const { Verb = "", Key = "", Value = "", Flags = "0", Index = "0", Session = "" } = operation;
  if (Key === "" && Verb !== "delete-tree") throw new OperationError("Must provide key");
  const input: KvInput = { Key, Flags, Value: Value === "" ? null : Value };
  const key = JSON.stringify(Key);
  const row = store.kv.get(Key);
  const written = () => [kvView({ ...(store.kv.get(Key) as KvRow), Value: null })];
  const fail = (message: string) => new OperationError(message);
  switch (Verb) {
    case "set":
      setKey(store, write, input);
      return written();
    case "cas":
      if (!compareAndSetKey(store, write, input, Index)) throw fail(`failed to set key ${key}, index is stale`);
      return written();
    case "lock":
      if (!store.sessions.has(Session)) throw fail(`invalid session ${JSON.stringify(Session)}`);
      if (!lockKey(store, write, input, Session)) throw fail(`failed to lock key ${key}, lock is already held`);
      return written();
    case "unlock":
      if (unlockKey(store, write, input, Session)) return written();
      throw fail(`failed to unlock key ${key}, lock isn't held, or is held by another session`);
    case "get":
      return [kvView(required(row, `key ${key} doesn't exist`))];
    case "get-tree":
      return keysBelow(store, Key).map(kvView);
    case "check-index": {
      const { ModifyIndex } = required(row, `failed to check index, key ${key} doesn't exist`);
      if (String(ModifyIndex) === Index) return written();
      throw fail(`failed index check for key ${key}, current modify index ${ModifyIndex} != ${Index}`);
    }
    case "check-session": {
      const { Session: held = "" } = required(row, `failed to check session, key ${key} doesn't exist`);
      if (held === Session) return written();
      throw fail(`failed session check for key ${key}, current session "${held}" != "${Session}"`);
    }
    case "check-not-exists":
      if (row !== undefined) throw fail(`key ${key} exists`);
      return [];
    case "delete":
      deleteKey(store, write, Key);
      return [];
    case "delete-tree":
      deletePrefix(store, write, Key);
      return [];
    case "delete-cas":
      if (!compareAndDeleteKey(store, write, Key, Index)) throw fail(`failed to delete key ${key}, index is stale`);
      return [];
    default:
      throw fail(`unknown KV verb ${JSON.stringify(Verb)}`);
  }
}

function required(row: KvRow | undefined, otherwise: string): KvRow {
  if (row === undefined) throw new OperationError(otherwise);
  return row;
}
