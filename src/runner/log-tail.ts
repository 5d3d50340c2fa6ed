import { closeSync, fstatSync, openSync, readSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { StringDecoder } from "node:string_decoder";
import { parseLogLine } from "./log-format.ts";
import type { LogLine } from "./types.ts";

const chunkBytes = 256 * 1024;

interface OpenFile {
  descriptor: number;
  /** Which file it is, whatever its name has become. */
  inode: number;
  offset: number;
}

/** Reads one service's log files from the oldest on, in bounded memory, and goes on through rotations. */
export class LogTail {
  readonly service: string;
  readonly #directory: string;
  readonly #since: string | undefined;
  readonly #buffer = Buffer.allocUnsafe(chunkBytes);
  #file: OpenFile | undefined;
  #decoder = new StringDecoder("utf8");
  #rest = "";
  #lastNumber = 0;
  /** Lines that were rotated away before they could be read. */
  missed = 0;

  constructor(directory: string, service: string, since?: string) {
    this.#directory = directory;
    this.service = service;
    this.#since = since;
  }

  /** The next lines; none when there are no more for now. */
  read(): LogLine[] {
    for (;;) {
      this.#file ??= this.#openOldest();
      if (this.#file === undefined) return [];
      const length = readSync(this.#file.descriptor, this.#buffer, 0, chunkBytes, this.#file.offset);
      if (length === 0) {
        if (!this.#openNext(this.#file)) return [];
        continue;
      }
      this.#file.offset += length;
      const texts = (this.#rest + this.#decoder.write(this.#buffer.subarray(0, length))).split("\n");
      this.#rest = texts.pop() ?? "";
      const lines = texts.flatMap((text) => this.#take(text));
      if (lines.length > 0) return lines;
    }
  }

  close(): void {
    if (this.#file !== undefined) closeSync(this.#file.descriptor);
    this.#file = undefined;
  }

  #take(text: string): LogLine[] {
    const line = parseLogLine(this.service, text);
    if (line === undefined) return [];
    // A new run counts from one again.
    if (this.#lastNumber > 0 && line.number > this.#lastNumber + 1) this.missed += line.number - this.#lastNumber - 1;
    this.#lastNumber = line.number;
    return this.#since !== undefined && line.time < this.#since ? [] : [line];
  }

  /** Names of its files, oldest first. */
  #names(): string[] {
    const ages = entriesOf(this.#directory).flatMap((name) => {
      if (name === `${this.service}.log`) return 0;
      const age = name.startsWith(`${this.service}.log.`) ? Number(name.slice(this.service.length + 5)) : Number.NaN;
      return Number.isInteger(age) ? age : [];
    });
    return ages.sort((a, b) => b - a).map((age) => (age === 0 ? `${this.service}.log` : `${this.service}.log.${age}`));
  }

  #openOldest(): OpenFile | undefined {
    const since = this.#since;
    for (const name of this.#names()) {
      // What was last written before the time asked for holds nothing of interest.
      const modified = statSync(join(this.#directory, name), { throwIfNoEntry: false })?.mtime.toISOString();
      if (modified === undefined || (since !== undefined && modified < since)) continue;
      return this.#open(name);
    }
    return undefined;
  }

  /** Goes on to the file that was begun after this one. @returns whether there is more to read */
  #openNext(file: OpenFile): boolean {
    const names = this.#names();
    const inodes = names.map((name) => statSync(join(this.#directory, name), { throwIfNoEntry: false })?.ino);
    // One that has lost its name was rotated away: what is oldest now comes next.
    const next = names[inodes.indexOf(file.inode) + 1];
    if (next === undefined) return false;
    // Now that another was begun, this one is complete; it may have grown since it was read.
    if (fstatSync(file.descriptor).size > file.offset) return true;
    closeSync(file.descriptor);
    this.#file = this.#open(next);
    this.#rest = "";
    this.#decoder = new StringDecoder("utf8");
    return this.#file !== undefined;
  }

  #open(name: string): OpenFile | undefined {
    try {
      const descriptor = openSync(join(this.#directory, name), "r");
      return { descriptor, inode: fstatSync(descriptor).ino, offset: 0 };
    } catch {
      return undefined;
    }
  }
}

/** Services that have log files. */
export function loggedServices(directory: string): string[] {
  const names = entriesOf(directory).flatMap((file) => /^(.+?)\.log(?:\.\d+)?$/.exec(file)?.[1] ?? []);
  return [...new Set(names)].sort();
}

function entriesOf(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}
