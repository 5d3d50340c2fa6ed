import {
  closeSync,
  existsSync,
  fstatSync,
  mkdirSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { formatLogLine } from "../log-format.ts";

export interface LogStoreOptions {
  /** Size after which a file is put aside, default 10 MiB. */
  mostBytes?: number;
  /** Files put aside that are kept for each service, default 5. */
  kept?: number;
}

const lineEnd = 0x0a;

interface LogFile {
  descriptor: number;
  size: number;
  /** Lines of this run. */
  lines: number;
  /** Its last line was not written to its end. */
  torn: boolean;
}

/**
 * Log files of a run, one per service, rotated by size. Writing is synchronous: what a service wrote is in the
 * system's hands when this returns, so that no death of the supervisor loses it.
 */
export class LogStore {
  readonly #directory: string;
  readonly #mostBytes: number;
  readonly #kept: number;
  readonly #files = new Map<string, LogFile>();
  #seq = 0;
  #time = "";
  #lost = 0;

  constructor(directory: string, { mostBytes = 10 * 1024 ** 2, kept = 5 }: LogStoreOptions = {}) {
    this.#directory = directory;
    this.#mostBytes = mostBytes;
    this.#kept = kept;
    mkdirSync(directory, { recursive: true, mode: 0o700 });
  }

  append(service: string, lines: readonly string[]): void {
    if (lines.length === 0) return;
    const now = new Date().toISOString();
    // A clock that is set back must not turn the order round.
    if (now > this.#time) this.#time = now;
    const file = this.#open(service);
    if (file === undefined) {
      this.#lost += lines.length;
      return;
    }
    let text = this.#lossNote(service, file);
    for (const line of lines)
      text += `${formatLogLine({ time: this.#time, service, seq: ++this.#seq, number: ++file.lines, line })}\n`;
    this.#write(file, text, lines.length);
    if (file.size > this.#mostBytes) this.#rotate(service, file);
  }

  #write(file: LogFile, text: string, lines: number): void {
    const bytes = Buffer.from(file.torn ? `\n${text}` : text);
    let written = 0;
    try {
      while (written < bytes.length) written += writeSync(file.descriptor, bytes, written, bytes.length - written);
      file.torn = false;
    } catch {
      // A full disk must not end the services.
      this.#lost += lines;
      file.torn ||= written > 0;
    }
    file.size += written;
  }

  #lossNote(service: string, file: LogFile): string {
    if (this.#lost === 0) return "";
    const line = `[${this.#lost} lines could not be written]`;
    this.#lost = 0;
    return `${formatLogLine({ time: this.#time, service, seq: ++this.#seq, number: ++file.lines, line })}\n`;
  }

  /** Undefined when it cannot be opened, as in a directory that somebody removed: the next line tries again. */
  #open(service: string): LogFile | undefined {
    const known = this.#files.get(service);
    if (known !== undefined) return known;
    try {
      const descriptor = openSync(join(this.#directory, `${service}.log`), "a+", 0o600);
      const { size } = fstatSync(descriptor);
      const file = { descriptor, size, lines: 0, torn: size > 0 && lastByte(descriptor, size) !== lineEnd };
      this.#files.set(service, file);
      return file;
    } catch {
      return undefined;
    }
  }

  #rotate(service: string, file: LogFile): void {
    const name = (index: number) => join(this.#directory, index === 0 ? `${service}.log` : `${service}.log.${index}`);
    try {
      rmSync(name(this.#kept), { force: true });
      for (let index = this.#kept - 1; index >= 0; index--)
        if (existsSync(name(index))) renameSync(name(index), name(index + 1));
      const descriptor = openSync(name(0), "a", 0o600);
      closeSync(file.descriptor);
      Object.assign(file, { descriptor, size: 0 });
    } catch {
      // The same file goes on growing until this works again.
    }
  }

  close(): void {
    for (const { descriptor } of this.#files.values()) closeSync(descriptor);
    this.#files.clear();
  }
}

function lastByte(descriptor: number, size: number): number | undefined {
  const byte = Buffer.alloc(1);
  return readSync(descriptor, byte, 0, 1, size - 1) === 1 ? byte[0] : undefined;
}
