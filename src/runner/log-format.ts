import type { LogLine } from "./types.ts";

/** A line of a log file: `2026-01-31T08:00:00.000Z out 42 text`. */
export function formatLogLine({ time, stream, seq, line }: LogLine): string {
  return `${time} ${stream} ${seq} ${line}`;
}

export function parseLogLine(service: string, text: string): LogLine | undefined {
  const match = /^(\S+Z) (out|err) (\d+) (.*)$/s.exec(text);
  if (match === null) return undefined;
  const [, time, stream, seq, line] = match as unknown as [string, string, LogLine["stream"], string, string];
  return { time, service, stream, seq: Number(seq), line };
}
