import { exitCodes } from "../../../core/error-codes.ts";
import { isFlowError } from "../../../core/errors.ts";
import { info, warn } from "../../../core/events.ts";
import type { RunClient, RunEvent, ServiceState } from "../../../runner/index.ts";
import type { CliContext } from "../../command.ts";
import { paint } from "../../ui/event-lines.ts";
import { ServicePrefixes } from "./service-colours.ts";

const marks: Partial<Record<ServiceState, { mark: string; format: "green" | "red" | "yellow" | "dim" }>> = {
  ready: { mark: "ready", format: "green" },
  completed: { mark: "completed", format: "green" },
  failed: { mark: "failed", format: "red" },
  blocked: { mark: "blocked", format: "red" },
  "crash-looping": { mark: "crash-looping", format: "red" },
  "backing-off": { mark: "ended", format: "yellow" },
  stopped: { mark: "stopped", format: "dim" },
};

/**
 * Shows a run on the terminal until it ends. The first Ctrl-C stops it, a second kills it; when this process goes
 * without a word and `own` is set, the supervisor ends the run by itself.
 * @returns the run's exit code; 130 or 143 when a signal ended it and no service had failed
 */
export async function follow(ctx: CliContext, client: RunClient, { own }: { own: boolean }): Promise<number> {
  const { streams } = ctx;
  const prefixes = new ServicePrefixes(
    (await client.state()).services.map(({ name }) => name),
    streams.stdoutColour,
  );
  let interrupted: number | undefined;
  const release = takeSignals((code) => {
    if (!own) return process.exit(0);
    if (interrupted === undefined) info(ctx, "stopping; Ctrl-C again kills");
    void client.stop({ kill: interrupted !== undefined }).catch(() => {});
    interrupted ??= code;
  });
  try {
    for await (const event of client.events({ logs: true, own })) {
      const text = lineOf(event, prefixes, streams.stdoutColour);
      // A terminal that is stopped by Ctrl-S holds this process alone: the supervisor drops and counts what waits.
      if (text !== undefined && !streams.stdout.write(`${text}\n`))
        await new Promise((resolve) => streams.stdout.once("drain", resolve).once("close", resolve));
      if (event.type === "notice") info(ctx, event.text);
      if (event.type === "dropped")
        warn(ctx, `${event.lines} lines were not shown: the terminal was too slow. flow logs has them`);
      if (event.type === "run" && event.state === "ready") info(ctx, "everything is ready");
      if (event.type === "run" && event.state === "stopped")
        return event.exitCode === 0 ? (interrupted ?? exitCodes.ok) : (event.exitCode ?? exitCodes.failure);
    }
    return interrupted ?? exitCodes.failure;
  } catch (error) {
    if (isFlowError(error)) throw error;
    warn(ctx, "the supervisor is gone");
    return interrupted ?? exitCodes.failure;
  } finally {
    release();
  }
}

function lineOf(event: RunEvent, prefixes: ServicePrefixes, colour: boolean): string | undefined {
  if (event.type === "log") return prefixes.line(event.service, event.line);
  if (event.type !== "state") return undefined;
  const mark = marks[event.state];
  if (mark === undefined || (event.kind === "infrastructure" && (event.state === "ready" || event.state === "stopped")))
    return undefined;
  const where = event.state === "ready" && event.port !== null ? ` on port ${event.port}` : "";
  return prefixes.line(
    event.service,
    paint(mark.format, `${mark.mark}${where}${event.reason === null ? "" : `: ${event.reason}`}`, colour),
  );
}

/** Takes the signals from the frame: here they mean "stop the run", not "abort this command". */
function takeSignals(onSignal: (exitCode: number) => void): () => void {
  const codes = { SIGINT: exitCodes.interrupted, SIGTERM: exitCodes.terminated, SIGHUP: 129 } as const;
  const names = Object.keys(codes) as (keyof typeof codes)[];
  const before = names.map((name) => [name, process.listeners(name)] as const);
  const listeners = names.map((name) => [name, () => onSignal(codes[name])] as const);
  for (const name of names) process.removeAllListeners(name);
  for (const [name, listener] of listeners) process.on(name, listener);
  return () => {
    for (const [name, listener] of listeners) process.off(name, listener);
    for (const [name, old] of before) for (const listener of old) process.on(name, listener as NodeJS.SignalsListener);
  };
}
