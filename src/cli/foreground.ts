import { spawn } from "node:child_process";
import { constants } from "node:os";
import { FlowError, systemCode } from "../core/errors.ts";
import type { CliContext } from "./command.ts";

const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/**
 * Runs a program in flow's place: it has the terminal, gets the signals, and its exit code is the command's
 * (128+n when signal n ended it).
 * @throws FlowError FLOW_COMMAND_NOT_FOUND, FLOW_COMMAND_FAILED when it cannot be started
 */
export async function runForeground(
  ctx: CliContext,
  [file, ...args]: readonly [string, ...string[]],
  env: Readonly<Record<string, string | undefined>>,
): Promise<number> {
  const child = spawn(file, args, { cwd: ctx.cwd, env, stdio: "inherit" });
  // A terminal sends Ctrl-C to both already; a second one from here would be taken for impatience.
  const restore = takeSignals((signal) => {
    if (signal !== "SIGINT" || !ctx.streams.stdinIsTerminal) child.kill(signal);
  });
  try {
    return await new Promise<number>((resolve, reject) => {
      child.once("error", (error) => reject(cannotStart(file, error)));
      child.once("exit", (code, signal) => resolve(code ?? 128 + constants.signals[signal ?? "SIGKILL"]));
    });
  } finally {
    restore();
  }
}

/** Replaces flow's own answer to signals, which is to abort, for as long as the program runs. */
function takeSignals(handle: (signal: NodeJS.Signals) => void): () => void {
  const saved = signals.map((signal) => ({ signal, listeners: process.listeners(signal) }));
  for (const { signal, listeners } of saved) {
    for (const listener of listeners) process.off(signal, listener);
    process.on(signal, handle);
  }
  return () => {
    for (const { signal, listeners } of saved) {
      process.off(signal, handle);
      for (const listener of listeners) process.on(signal, listener);
    }
  };
}

function cannotStart(file: string, error: Error): FlowError {
  if (systemCode(error) === "ENOENT") {
    return new FlowError("FLOW_COMMAND_NOT_FOUND", `${file}: command not found`, { exitCode: 127 });
  }
  return new FlowError("FLOW_COMMAND_FAILED", `${file} cannot be started`, { cause: error, exitCode: 126 });
}
