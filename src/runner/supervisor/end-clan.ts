import { setTimeout as delay } from "node:timers/promises";
import { sendSignal, type ProcessRow } from "../../core/proc.ts";
import type { CensusTaker, Clan } from "./census.ts";

export interface EndOptions extends Clan {
  signal: NodeJS.Signals;
  /** Ms until KILL. */
  timeoutMs: number;
  /** Resolves when the group's first process has ended. */
  exited: Promise<unknown>;
  /** Aborted when everything has to end at once. */
  force: AbortSignal;
  census: CensusTaker;
}

/** How long what was killed may take to be gone: only a process inside the kernel takes longer. */
const killedMs = 3_000;

/**
 * Ends a program with all it started: `signal` to its group and to whatever left the group, KILL after `timeoutMs`.
 * Never waits for a pipe.
 * @returns whether nothing of it runs any more
 */
export async function endClan(options: EndOptions): Promise<boolean> {
  const { group, signal, timeoutMs, exited, force, census } = options;
  const strays = new Strays(options);
  if (!force.aborted) {
    // Looked at before anything ends: then the strays still hang on their parents.
    strays.note((await census.take()).membersOf(options));
    sendSignal(-group, signal);
    strays.signal(signal);
    const forced = aborted(force);
    const end = performance.now() + timeoutMs;
    await Promise.race([exited, forced, delay(timeoutMs, undefined, { ref: false })]);
    for (let pause = 2; !force.aborted && performance.now() < end; pause = Math.min(50, pause * 2)) {
      // A group that is gone costs one system call to know; one of zombies alone needs the table.
      if (!sendSignal(-group, 0) || pause >= 32) {
        if (strays.left(await census.take()).length === 0) return true;
        strays.signal(signal);
      }
      await Promise.race([forced, delay(pause)]);
    }
  }
  const end = performance.now() + killedMs;
  for (;;) {
    // A fork at the wrong moment is caught by the next look.
    if (strays.left(await census.take()).length === 0) return true;
    if (performance.now() > end) return false;
    sendSignal(-group, "SIGKILL");
    strays.signal("SIGKILL");
    await delay(10);
  }
}

/** Members of a clan that left its group. Once known they are not forgotten: their parent's end hides them. */
class Strays {
  readonly #clan: Clan;
  readonly #known = new Map<number, ProcessRow>();
  readonly #signalled = new Map<number, NodeJS.Signals>();

  constructor(clan: Clan) {
    this.#clan = clan;
  }

  note(members: readonly ProcessRow[]): void {
    for (const row of members) if (row.group !== this.#clan.group) this.#known.set(row.pid, row);
  }

  /** Everything of the clan that still runs. */
  left(census: Awaited<ReturnType<CensusTaker["take"]>>): ProcessRow[] {
    const members = census.membersOf(this.#clan);
    this.note(members);
    const gone = [...this.#known.values()].filter((row) => !census.isRunning(row));
    for (const { pid } of gone) this.#known.delete(pid);
    const inGroup = members.filter((row) => row.group === this.#clan.group);
    return [...inGroup, ...this.#known.values()];
  }

  /** Signals each of them once. */
  signal(name: NodeJS.Signals): void {
    for (const pid of this.#known.keys()) {
      if (this.#signalled.get(pid) === name) continue;
      this.#signalled.set(pid, name);
      sendSignal(pid, name);
    }
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}
