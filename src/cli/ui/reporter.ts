import type { FlowEvent } from "../../core/events.ts";
import { isCi } from "../context.ts";
import { createAppendReporter } from "./append-reporter.ts";
import { createLiveReporter } from "./live-reporter.ts";
import type { Streams } from "./streams.ts";

/** Shows events of features on stderr. */
export interface Reporter {
  emit(event: FlowEvent): void;
  /** Ends a live display, leaving what was done on the screen. May be called more than once. */
  finish(): void;
}

export interface ReporterOptions {
  streams: Streams;
  quiet: boolean;
  verbose: boolean;
  env: NodeJS.ProcessEnv;
}

/**
 * live on a terminal, appended lines elsewhere and in CI, warnings only with `--quiet`,
 * and with `FLOW_REPORTER=ndjson` every event as a line of JSON.
 */
export function createReporter(options: ReporterOptions): Reporter {
  const { streams, quiet, verbose, env } = options;
  if (env.FLOW_REPORTER === "ndjson") return createNdjsonReporter(streams);
  const live = streams.stderrIsTerminal && !isCi(env) && env.TERM !== "dumb" && !quiet && !verbose;
  return live ? createLiveReporter(streams) : createAppendReporter(streams, { quiet, verbose });
}

function createNdjsonReporter(streams: Streams): Reporter {
  return {
    emit: (event) => void streams.stderr.write(`${JSON.stringify(event)}\n`),
    finish: () => {},
  };
}
