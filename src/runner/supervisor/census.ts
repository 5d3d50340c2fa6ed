import { listProcesses, startVariable, type ProcessRow } from "../../core/proc.ts";

/** Variables that mark every process of a run, and every process of one program of it. */
export const runMark = "FLOW_RUN_ID";
export const programMark = "FLOW_PROCESS";

/** What belongs to one program: its process group, and whatever left that but carries its mark. */
export interface Clan {
  group: number;
  mark: string;
}

/** All processes of the machine at one moment. */
export class Census {
  readonly #rows: readonly ProcessRow[];
  readonly #children = new Map<number, ProcessRow[]>();
  readonly #marks = new Map<number, string | undefined>();

  constructor() {
    this.#rows = listProcesses();
    for (const row of this.#rows) {
      const siblings = this.#children.get(row.parent);
      if (siblings === undefined) this.#children.set(row.parent, [row]);
      else siblings.push(row);
    }
  }

  /** Members of a clan: of its group, with its mark, and descendants of these, whatever they did to be forgotten. */
  membersOf({ group, mark }: Clan): ProcessRow[] {
    return this.#withDescendants((row) => row.group === group || this.#markOf(row.pid) === mark);
  }

  membersOfGroup(group: number): ProcessRow[] {
    return this.#withDescendants((row) => row.group === group);
  }

  /** Everything that carries a run's mark, with descendants. */
  membersOfRun(id: string): ProcessRow[] {
    return this.#withDescendants((row) => startVariable(row.pid, runMark) === id);
  }

  isRunning({ pid, startTime }: ProcessRow): boolean {
    return this.#rows.some((row) => row.pid === pid && row.startTime === startTime);
  }

  #markOf(pid: number): string | undefined {
    if (!this.#marks.has(pid)) this.#marks.set(pid, startVariable(pid, programMark));
    return this.#marks.get(pid);
  }

  #withDescendants(isMember: (row: ProcessRow) => boolean): ProcessRow[] {
    const members = new Map(this.#rows.filter(isMember).map((row) => [row.pid, row]));
    for (const { pid } of members.values()) {
      // Children that are added here are visited by this same loop.
      for (const child of this.#children.get(pid) ?? []) members.set(child.pid, child);
    }
    members.delete(process.pid);
    return [...members.values()];
  }
}

/** Takes a census; those who ask within the same turn of the event loop share one, as when fifty services end at once. */
export class CensusTaker {
  #next: Promise<Census> | undefined;

  take(): Promise<Census> {
    this.#next ??= new Promise((resolve) => {
      setImmediate(() => {
        this.#next = undefined;
        resolve(new Census());
      });
    });
    return this.#next;
  }
}
