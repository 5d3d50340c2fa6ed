import { FlowError } from "../core/errors.ts";
import type { FlowInstallation } from "../core/installation.ts";
import type { CliContext } from "./command.ts";
import type { Streams } from "./ui/streams.ts";

export interface GlobalOptions {
  json: boolean;
  quiet: boolean;
  verbose: boolean;
  yes: boolean;
}

interface ContextOptions {
  streams: Streams;
  globals: GlobalOptions;
  env: NodeJS.ProcessEnv;
  cwd: string;
  signal: AbortSignal;
  installation: FlowInstallation;
}

/** The context of one command line, its reporter attached. `finish` ends the live display. */
export async function createContext(options: ContextOptions): Promise<CliContext & { finish(): void }> {
  const { streams, globals, env, cwd, signal, installation } = options;
  const { createReporter } = await import("./ui/reporter.ts");
  const reporter = createReporter({ streams, quiet: globals.quiet, verbose: globals.verbose, env });
  const interactive = streams.stdinIsTerminal && streams.stderrIsTerminal && !isCi(env);
  return {
    cwd,
    env,
    signal,
    installation,
    streams,
    json: globals.json,
    quiet: globals.quiet,
    verbose: globals.verbose,
    interactive,
    now: () => new Date(),
    emit: reporter.emit,
    finish: reporter.finish,
    confirm: async (question) => {
      if (globals.yes) return true;
      if (!interactive) {
        throw new FlowError("FLOW_CONFIRMATION_REQUIRED", `${question} Nobody can be asked here.`, {
          hint: "add --yes to confirm it",
        });
      }
      reporter.finish();
      const { askYesNo } = await import("./ui/prompt.ts");
      return await askYesNo(question, streams);
    },
  };
}

export function isCi(env: NodeJS.ProcessEnv): boolean {
  return env.CI !== undefined && env.CI !== "" && env.CI !== "false" && env.CI !== "0";
}
