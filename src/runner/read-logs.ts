import { readFile, readdir } from "node:fs/promises";
import { join } from "node:path";
import { parseLogLine } from "./log-format.ts";
import type { LogLine } from "./types.ts";

export interface LogFilter {
  /** Without names: all services. */
  services: readonly string[];
  /** ISO time; older lines are left out. */
  since?: string;
  grep?: RegExp;
  /** The last so many lines, after the other filters. */
  tail?: number;
}

/** Log lines on disk in their order; works whether or not a run goes on. */
export async function readLogs(directory: string, filter: LogFilter): Promise<LogLine[]> {
  const names = await readdir(directory).catch(() => []);
  const lines: LogLine[] = [];
  for (const file of names) {
    const service = /^(.+)\.log(?:\.\d+)?$/.exec(file)?.[1];
    if (service === undefined || (filter.services.length > 0 && !filter.services.includes(service))) continue;
    for (const text of (await readFile(join(directory, file), "utf8")).split("\n")) {
      const line = parseLogLine(service, text);
      if (line !== undefined && matches(line, filter)) lines.push(line);
    }
  }
  lines.sort((a, b) => (a.time === b.time ? a.seq - b.seq : a.time < b.time ? -1 : 1));
  return filter.tail === undefined ? lines : lines.slice(-filter.tail);
}

export function matches(line: LogLine, { services, since, grep }: LogFilter): boolean {
  if (services.length > 0 && !services.includes(line.service)) return false;
  if (since !== undefined && line.time < since) return false;
  return grep === undefined || grep.test(line.line);
}
