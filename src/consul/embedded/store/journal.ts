import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { systemCode } from "../../../core/errors.ts";

/** A row as it stands in the files: table, key, and the row unless it was deleted. */
export type Entry = [table: string, key: string, row?: unknown];

interface Snapshot {
  /** The journal with this number follows the snapshot. */
  epoch: number;
  index: number;
  rows: Entry[];
}

const compactAfterBytes = 8 * 1024 * 1024;

/**
 * State on disk: a snapshot, renamed into place, and a journal of the transactions since, one line each. A line is
 * in the kernel's hands before its request is answered, so nothing acknowledged is lost when the process is killed;
 * a line that a kill cut off was never acknowledged and is dropped.
 *
 * Everything is synchronous: no transaction may come between a snapshot and the journal that follows it.
 */
export class Journal {
  readonly #dir: string;
  #epoch = 0;
  #file: number | undefined;
  #written = 0;
  #snapshotBytes = 0;

  constructor(dir: string) {
    this.#dir = dir;
    mkdirSync(dir, { recursive: true });
  }

  /** Reads the state, oldest change first, and the last index. */
  load(apply: (entries: readonly Entry[], index: number) => void): void {
    const text = readIfThere(join(this.#dir, "snapshot.json"));
    if (text !== undefined) {
      const snapshot = JSON.parse(text) as Snapshot;
      this.#epoch = snapshot.epoch;
      apply(snapshot.rows, snapshot.index);
    }
    const lines = readIfThere(this.#journalPath(this.#epoch))?.split("\n") ?? [];
    // What follows the last line end was cut off.
    for (const line of lines.slice(0, -1)) {
      const [index, ...entries] = JSON.parse(line) as [number, ...Entry[]];
      apply(entries, index);
    }
  }

  append(index: number, entries: readonly Entry[]): void {
    this.#file ??= openSync(this.#journalPath(this.#epoch), "a", 0o600);
    const line = Buffer.from(`${JSON.stringify([index, ...entries])}\n`);
    for (let at = 0; at < line.length;) at += writeSync(this.#file, line, at);
    this.#written += line.length;
  }

  get wantsSnapshot(): boolean {
    return this.#written > Math.max(compactAfterBytes, 2 * this.#snapshotBytes);
  }

  /** Replaces snapshot and journal by the state as it is now. */
  snapshot(index: number, rows: Entry[]): void {
    const epoch = this.#epoch + 1;
    const content = Buffer.from(JSON.stringify({ epoch, index, rows } satisfies Snapshot));
    const staged = join(this.#dir, "snapshot.json.staging");
    const file = openSync(staged, "w", 0o600);
    try {
      for (let at = 0; at < content.length;) at += writeSync(file, content, at);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    this.close();
    renameSync(staged, join(this.#dir, "snapshot.json"));
    this.#epoch = epoch;
    this.#written = 0;
    this.#snapshotBytes = content.length;
    for (const name of readdirSync(this.#dir)) {
      if (/^journal-\d+\.ndjson$/.test(name) && join(this.#dir, name) !== this.#journalPath(epoch)) {
        rmSync(join(this.#dir, name));
      }
    }
  }

  close(): void {
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
  }

  #journalPath(epoch: number): string {
    return join(this.#dir, `journal-${epoch}.ndjson`);
  }
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (systemCode(error) === "ENOENT") return undefined;
    throw error;
  }
}
