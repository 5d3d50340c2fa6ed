import type { FlowEvent } from "../../core/events.ts";
import { messageLine, stepLine } from "./event-lines.ts";
import type { Reporter } from "./reporter.ts";
import type { Streams } from "./streams.ts";

/** One line when a step starts and one when it ended: readable in a file, a pipe and a CI's log. */
export function createAppendReporter(
  streams: Streams,
  { quiet, verbose }: { quiet: boolean; verbose: boolean },
): Reporter {
  const titles = new Map<string, string>();
  const line = (event: FlowEvent): string | undefined => {
    if (event.type === "message") {
      if (event.level === "debug" && !verbose) return undefined;
      return quiet && event.level !== "warn" ? undefined : messageLine(event, streams.stderrColour);
    }
    if (event.phase === "start") titles.set(event.id, event.title);
    if (quiet || (event.phase === "progress" && !verbose)) return undefined;
    return stepLine(event, titles.get(event.id) ?? event.id, streams.stderrColour);
  };
  return {
    emit: (event) => {
      const text = line(event);
      if (text !== undefined) streams.stderr.write(`${text}\n`);
    },
    finish: () => {},
  };
}
