import { compareLines } from "./log-format.ts";
import { LogTail, loggedServices } from "./log-tail.ts";
import type { LogLine } from "./types.ts";

export interface LogSelection {
  /** Without names: all services. */
  services: readonly string[];
  /** ISO time; older lines are left out. */
  since?: string;
}

interface Source {
  tail: LogTail;
  /** Lines read and not given out yet, from `next` on. */
  lines: readonly LogLine[];
  next: number;
}

/** The lines of several services in their order, read bit by bit. */
export class LogMerge {
  readonly #directory: string;
  readonly #selection: LogSelection;
  readonly #sources = new Map<string, Source>();
  #newest: LogLine | undefined;

  constructor(directory: string, selection: LogSelection) {
    this.#directory = directory;
    this.#selection = selection;
  }

  /** The latest line that was read so far: whatever is older lies on disk already. */
  get newest(): LogLine | undefined {
    return this.#newest;
  }

  /** Lines that were rotated away before they could be read. */
  get missed(): number {
    return [...this.#sources.values()].reduce((sum, { tail }) => sum + tail.missed, 0);
  }

  /** Everything that there is now and that is not newer than `limit`. What is newer comes with a later call. */
  *take(limit?: LogLine): Generator<LogLine, void, undefined> {
    this.#discover();
    for (;;) {
      let first: Source | undefined;
      for (const source of this.#sources.values()) {
        const line = this.#peek(source);
        if (line === undefined) continue;
        if (first === undefined || compareLines(line, first.lines[first.next] as LogLine) < 0) first = source;
      }
      const line = first?.lines[first.next];
      if (first === undefined || line === undefined || (limit !== undefined && compareLines(line, limit) > 0)) return;
      first.next++;
      yield line;
    }
  }

  close(): void {
    for (const { tail } of this.#sources.values()) tail.close();
  }

  #discover(): void {
    const { services, since } = this.#selection;
    for (const service of services.length > 0 ? services : loggedServices(this.#directory)) {
      if (this.#sources.has(service)) continue;
      this.#sources.set(service, { tail: new LogTail(this.#directory, service, since), lines: [], next: 0 });
    }
  }

  #peek(source: Source): LogLine | undefined {
    if (source.next >= source.lines.length) {
      source.lines = source.tail.read();
      source.next = 0;
      const last = source.lines.at(-1);
      if (last !== undefined && (this.#newest === undefined || compareLines(last, this.#newest) > 0))
        this.#newest = last;
    }
    return source.lines[source.next];
  }
}
