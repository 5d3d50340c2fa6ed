import { info } from "../../../core/events.ts";
import { readLogs, type RunDocument } from "../../../runner/index.ts";
import type { CliContext } from "../../command.ts";

export interface LastWordsSource {
  /** Directory of the run's logs. */
  logs: string;
  /** ISO time when the run began. */
  since: string;
}

/** Lines of each service that are shown: a stack trace's end, or a program's complaint. */
const shownLines = 3;

/** Says what the services that crash or have failed wrote last, and where the rest of it is. */
export function tellLastWords(ctx: CliContext, { services }: RunDocument, { logs, since }: LastWordsSource): void {
  for (const { name, state } of services) {
    if (state !== "crash-looping" && state !== "failed") continue;
    const lines = [...readLogs(logs, { services: [name], since, tail: shownLines })];
    for (const { line } of lines) info(ctx, `  ${name} │ ${line}`);
    info(ctx, lines.length === 0 ? `${name} wrote nothing` : `flow logs ${name} shows all of it`);
  }
}
