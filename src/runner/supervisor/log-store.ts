import { closeSync, existsSync, fstatSync, mkdirSync, openSync, renameSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { StringDecoder } from "node:string_decoder";
import { formatLogLine } from "../log-format.ts";
import type { LogLine } from "../types.ts";

const mostBytes = 10 * 1024 ** 2;
const keptFiles = 5;

/** Log files of a run: one per service, rotated by size, and the stream of all of them in order. */
export class LogStore {
  readonly #directory: string;
  readonly #files = new Map<string, { descriptor: number; size: number }>();
  readonly #listeners = new Set<(line: LogLine) => void>();
  #seq = 0;

  constructor(directory: string) {
    this.#directory = directory;
    mkdirSync(directory, { recursive: true });
  }

  subscribe(listener: (line: LogLine) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Takes whole lines. They are in the file when this returns. */
  append(service: string, stream: LogLine["stream"], lines: readonly string[]): void {
    if (lines.length === 0) return;
    const time = new Date().toISOString();
    const entries = lines.map((line): LogLine => ({ time, service, stream, seq: ++this.#seq, line }));
    const bytes = Buffer.from(entries.map((entry) => `${formatLogLine(entry)}\n`).join(""));
    const file = this.#open(service);
    try {
      writeSync(file.descriptor, bytes);
      file.size += bytes.length;
    } catch {
      // A full disk must not end the services; whoever is attached still sees the lines.
    }
    if (file.size > mostBytes) this.#rotate(service);
    for (const listener of this.#listeners) for (const entry of entries) listener(entry);
  }

  #open(service: string): { descriptor: number; size: number } {
    let file = this.#files.get(service);
    if (file === undefined) {
      const descriptor = openSync(join(this.#directory, `${service}.log`), "a", 0o600);
      file = { descriptor, size: fstatSync(descriptor).size };
      this.#files.set(service, file);
    }
    return file;
  }

  #rotate(service: string): void {
    const file = this.#files.get(service);
    if (file !== undefined) closeSync(file.descriptor);
    this.#files.delete(service);
    const name = (index: number) => join(this.#directory, index === 0 ? `${service}.log` : `${service}.log.${index}`);
    rmSync(name(keptFiles), { force: true });
    for (let index = keptFiles - 1; index >= 0; index--)
      if (existsSync(name(index))) renameSync(name(index), name(index + 1));
  }

  close(): void {
    for (const { descriptor } of this.#files.values()) closeSync(descriptor);
    this.#files.clear();
  }
}

/** Longest line that is kept whole; a program that writes no line end must not fill the memory. */
const mostLineLength = 256 * 1024;

/** Cuts a stream of bytes into lines; characters that lie on two chunks stay whole. */
export class LineSplitter {
  readonly #decoder = new StringDecoder("utf8");
  readonly #take: (lines: string[]) => void;
  #rest = "";

  constructor(take: (lines: string[]) => void) {
    this.#take = take;
  }

  push(chunk: Buffer): void {
    const lines = (this.#rest + this.#decoder.write(chunk)).split("\n");
    this.#rest = lines.pop() ?? "";
    if (this.#rest.length > mostLineLength) {
      lines.push(this.#rest);
      this.#rest = "";
    }
    this.#take(lines.map((line) => (line.endsWith("\r") ? line.slice(0, -1) : line)));
  }

  /** Gives out the last line, which nothing ended. */
  end(): void {
    const rest = this.#rest + this.#decoder.end();
    this.#rest = "";
    if (rest !== "") this.#take([rest]);
  }
}
