import type { Readable, Writable } from "node:stream";

/** The terminal a command talks to; tests hand in their own. */
export interface Streams {
  stdin: Readable;
  stdout: Writable;
  stderr: Writable;
  stdinIsTerminal: boolean;
  stdoutIsTerminal: boolean;
  stderrIsTerminal: boolean;
  /** Columns of the terminal, 80 when there is none. */
  columns: number;
  /** Whether colour may be used on stdout and stderr: NO_COLOR, FORCE_COLOR, or whether each is a terminal. */
  stdoutColour: boolean;
  stderrColour: boolean;
}

export function processStreams(env: NodeJS.ProcessEnv): Streams {
  const colour = (isTerminal: boolean) => {
    if (env.NO_COLOR) return false;
    if (env.FORCE_COLOR !== undefined) return env.FORCE_COLOR !== "0";
    return isTerminal && env.TERM !== "dumb";
  };
  const stdoutIsTerminal = process.stdout.isTTY === true;
  const stderrIsTerminal = process.stderr.isTTY === true;
  return {
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    stdinIsTerminal: process.stdin.isTTY === true,
    stdoutIsTerminal,
    stderrIsTerminal,
    columns: process.stdout.columns ?? 80,
    stdoutColour: colour(stdoutIsTerminal),
    stderrColour: colour(stderrIsTerminal),
  };
}
