import { readFileSync, rmSync, writeFileSync, renameSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import {
  findByEnvironment,
  groupMembers,
  identify,
  isRunning,
  sendSignal,
  type ProcessIdentity,
} from "../../core/proc.ts";
import { runMark } from "./groups.ts";

interface Listed {
  run: string;
  processes: ProcessIdentity[];
}

/** Processes of a run on disk, so that the next start finds what a killed supervisor left. */
export class ProcessList {
  readonly #file: string;
  /** One process group per line, for the guardian. */
  readonly groupsFile: string;
  readonly #run: string;
  readonly #processes = new Map<number, ProcessIdentity>();

  constructor(directory: string, run: string) {
    this.#file = join(directory, "processes.json");
    this.groupsFile = join(directory, "groups");
    this.#run = run;
    this.#write();
  }

  add(pid: number): void {
    const identity = identify(pid);
    if (identity !== undefined) this.#processes.set(pid, identity);
    this.#write();
  }

  remove(pid: number): void {
    if (this.#processes.delete(pid)) this.#write();
  }

  clear(): void {
    rmSync(this.#file, { force: true });
    rmSync(this.groupsFile, { force: true });
  }

  #write(): void {
    const processes = [...this.#processes.values()];
    writeFileSync(`${this.#file}.new`, JSON.stringify({ run: this.#run, processes } satisfies Listed));
    renameSync(`${this.#file}.new`, this.#file);
    writeFileSync(this.groupsFile, processes.map(({ pid }) => `${pid}\n`).join(""));
  }
}

/** Ends what an earlier run left: its listed processes, if they are still the same ones, and all that carry its mark. Returns how many. */
export async function reapLeftovers(directory: string): Promise<number> {
  let listed: Listed;
  try {
    listed = JSON.parse(readFileSync(join(directory, "processes.json"), "utf8")) as Listed;
  } catch {
    return 0;
  }
  const find = () => {
    const groups = listed.processes.filter(isRunning).flatMap(({ pid }) => groupMembers(pid));
    return [...new Set([...groups, ...findByEnvironment(runMark, listed.run)])];
  };
  const found = find();
  for (let look = 0; look < 100; look++) {
    const left = look === 0 ? found : find();
    if (left.length === 0) break;
    for (const pid of left) sendSignal(pid, look < 20 ? "SIGTERM" : "SIGKILL");
    await delay(50);
  }
  rmSync(join(directory, "processes.json"), { force: true });
  return found.length;
}
