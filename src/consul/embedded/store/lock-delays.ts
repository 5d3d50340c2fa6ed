import type { Store } from "./store.ts";

/** Until when keys may not be locked again, in ms of the epoch. As with a real leader, a restart forgets them. */
const delays = new WeakMap<Store, Map<string, number>>();

/** Keeps a key from being locked for `ms`. */
export function delayLock(store: Store, key: string, ms: number): void {
  let ofStore = delays.get(store);
  if (ofStore === undefined) delays.set(store, (ofStore = new Map()));
  ofStore.set(key, Date.now() + ms);
}

/** Whether the key was held by a session that ended less than its lock delay ago. */
export function isLockDelayed(store: Store, key: string): boolean {
  const ofStore = delays.get(store);
  const until = ofStore?.get(key);
  if (until === undefined) return false;
  if (until > Date.now()) return true;
  ofStore?.delete(key);
  return false;
}
