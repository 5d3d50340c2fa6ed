import { deleteKey, putKey } from "./kv.ts";
import { delayLock } from "./lock-delays.ts";
import type { CheckRow, SessionRow } from "./rows.ts";
import type { Store, Write } from "./store.ts";
import { indexNames, topics } from "./topics.ts";

export function setSession(store: Store, write: Write, session: SessionRow): void {
  store.sessions.set(session.ID, session);
  sessionChanged(store, write, session);
}

/** Ends a session: its keys are released or deleted, and cannot be locked for its lock delay. */
export function invalidateSession(store: Store, write: Write, id: string): void {
  const session = store.sessions.get(id);
  if (session === undefined) return;
  store.sessions.delete(id);
  sessionChanged(store, write, session);
  for (const row of store.kv.group("session", id)) {
    if (session.LockDelay > 0) delayLock(store, row.Key, session.LockDelay / 1e6);
    if (session.Behavior === "delete") {
      deleteKey(store, write, row.Key);
    } else {
      const { Session: _, ...free } = row;
      putKey(store, write, free);
    }
  }
}

/** Sessions that end when this check turns critical or goes. */
export function sessionsOfCheck(store: Store, check: CheckRow): string[] {
  return store.sessions
    .group("node", check.Node.toLowerCase())
    .filter(
      ({ NodeChecks, ServiceChecks }) =>
        NodeChecks.includes(check.CheckID) || ServiceChecks?.some(({ ID }) => ID === check.CheckID) === true,
    )
    .map(({ ID }) => ID);
}

function sessionChanged(store: Store, write: Write, session: SessionRow): void {
  store.indexes.set(indexNames.sessions, write.index);
  write.touch(topics.sessions);
  write.touch(topics.session(session.ID));
  write.touch(topics.sessionsOfNode(session.Node));
}
