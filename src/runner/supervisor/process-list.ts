import { readFileSync, rmSync, writeFileSync, renameSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { identify, isRunning, sendSignal, type ProcessIdentity } from "../../core/proc.ts";
import { Census } from "./census.ts";

interface Listed {
  run: string;
  /** First processes of groups. */
  processes: ProcessIdentity[];
  /** Ids in a Consul that outlives the run, and its address. */
  consul?: { address: string; ids: string[] };
}

/** What a run holds, on disk, so that the guardian and the next start find what a killed supervisor left. */
export class ProcessList {
  readonly #file: string;
  /** One process group per line, for the guardian. */
  readonly groupsFile: string;
  readonly #run: string;
  readonly #consul: string | undefined;
  readonly #processes = new Map<number, ProcessIdentity>();
  readonly #consulIds = new Set<string>();

  /** `consul` is the address of an agent that outlives the run. */
  constructor(directory: string, { run, consul }: { run: string; consul: string | undefined }) {
    this.#file = join(directory, "processes.json");
    this.groupsFile = join(directory, "groups");
    this.#run = run;
    this.#consul = consul;
    this.#write();
  }

  /** Adds the first process of a group, and the id that it will have in Consul. */
  add(pid: number, consulId: string | undefined): void {
    const identity = identify(pid) ?? { pid, startTime: "" };
    this.#processes.set(pid, identity);
    if (consulId !== undefined && this.#consul !== undefined) this.#consulIds.add(consulId);
    this.#update();
  }

  remove(pid: number): void {
    if (this.#processes.delete(pid)) this.#update();
  }

  clear(): void {
    rmSync(this.#file, { force: true });
    rmSync(this.groupsFile, { force: true });
  }

  #update(): void {
    try {
      this.#write();
    } catch {
      // A full disk or a removed directory must not keep a run from going on or from ending: what it has carries its mark.
    }
  }

  #write(): void {
    const processes = [...this.#processes.values()];
    const consul = this.#consul === undefined ? undefined : { address: this.#consul, ids: [...this.#consulIds] };
    const listed: Listed = { run: this.#run, processes, ...(consul === undefined ? {} : { consul }) };
    writeFileSync(`${this.#file}.new`, JSON.stringify(listed), { mode: 0o600 });
    renameSync(`${this.#file}.new`, this.#file);
    writeFileSync(this.groupsFile, processes.map(({ pid }) => `${pid}\n`).join(""), { mode: 0o600 });
  }
}

/**
 * Ends what an earlier run left: the listed groups whose first process is still the same one, all that carries the
 * run's mark, and its registrations in a Consul that runs elsewhere. Returns how many processes there were.
 */
export async function reapLeftovers(directory: string): Promise<number> {
  const file = join(directory, "processes.json");
  let listed: Listed;
  try {
    listed = JSON.parse(readFileSync(file, "utf8")) as Listed;
  } catch {
    return 0;
  }
  const groups = new Set(listed.processes.filter(isRunning).map(({ pid }) => pid));
  const found = membersOf(listed.run, groups);
  for (const pid of found) sendSignal(pid, "SIGTERM");
  for (let look = 1, left = found; left.length > 0 && look < 60; left = membersOf(listed.run, groups), look++) {
    if (look > 10) for (const pid of left) sendSignal(pid, "SIGKILL");
    await delay(50);
  }
  if (listed.consul !== undefined) await deregister(listed.consul);
  rmSync(file, { force: true });
  return found.length;
}

function membersOf(run: string, groups: ReadonlySet<number>): number[] {
  const census = new Census();
  const members = [...census.membersOfRun(run), ...[...groups].flatMap((group) => census.membersOfGroup(group))];
  return [...new Set(members.map(({ pid }) => pid))];
}

async function deregister({ address, ids }: { address: string; ids: readonly string[] }): Promise<void> {
  const { createConsul } = await import("../../runtime/consul/index.ts");
  const consul = createConsul({ address });
  // The agent may be gone as well; its check takes them out then.
  await Promise.race([
    Promise.allSettled(ids.map((id) => consul.deregister(id))),
    delay(1_000, undefined, { ref: false }),
  ]);
}
