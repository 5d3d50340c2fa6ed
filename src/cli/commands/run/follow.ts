import { setTimeout as delay } from "node:timers/promises";
import { exitCodes } from "../../../core/error-codes.ts";
import { FlowError, isFlowError, messageOf } from "../../../core/errors.ts";
import { info, warn } from "../../../core/events.ts";
import { followLogs, ownLog, type LogLine, type RunClient, type RunEvent } from "../../../runner/index.ts";
import type { CliContext } from "../../command.ts";
import { ServicePrefixes } from "./service-colours.ts";

export interface FollowTarget {
  client: RunClient;
  /** Directory of the run's logs. */
  logs: string;
  /** Services whose lines are shown. Those of Consul and the edge are left to `flow logs`. */
  services: readonly string[];
  /** ISO time when the run began. */
  since: string;
  /** The run belongs to this terminal: Ctrl-C stops it, and when this process goes without a word, it ends. */
  own: boolean;
}

/** How long the reader of the output may take nothing of the last lines. */
const patienceMs = 2_000;

/**
 * Shows a run on the terminal until it ends: what its services write and what becomes of them; with `--json` log
 * lines (`type: "log"`) and the run's events, a document a line. The first Ctrl-C stops an own run, a second kills it.
 * @returns the run's exit code; 130 or 143 when a signal ended it and no service had failed
 * @throws FlowError FLOW_RUN_SUPERVISOR_LOST
 */
export async function follow(ctx: CliContext, target: FollowTarget): Promise<number> {
  const { client, own } = target;
  const ended = Promise.withResolvers<void>();
  let interrupted: number | undefined;
  const interrupt = (code: number) => {
    if (!own) return process.exit(exitCodes.ok);
    if (interrupted === undefined) info(ctx, "stopping; Ctrl-C again kills");
    void client.stop({ kill: interrupted !== undefined }).catch(() => {});
    interrupted ??= code;
  };
  const release = takeSignals(interrupt);
  const output: Output = { taken: 0 };
  const shown = showLogs(ctx, target, { ended: ended.promise, output })
    .catch((error: unknown) => warn(ctx, `the logs cannot be shown: ${messageOf(error)}`))
    .then(() => true);
  try {
    // Ctrl-C may have come while the run was being started.
    const early: unknown = ctx.signal.reason;
    if (ctx.signal.aborted) interrupt(isFlowError(early) ? early.exitCode : exitCodes.interrupted);
    const runsCode = await showEvents(ctx, client.events({ own }));
    const exitCode = runsCode === exitCodes.ok ? (interrupted ?? exitCodes.ok) : runsCode;
    ended.resolve();
    for (;;) {
      const before = output.taken;
      if (await Promise.race([shown, delay(patienceMs, false, { ref: false })])) break;
      // A reader that takes nothing must not keep this process: the rest is in the files.
      if (before === output.taken) process.exit(exitCode ?? exitCodes.failure);
    }
    if (exitCode === undefined) throw supervisorLost();
    return exitCode;
  } finally {
    ended.resolve();
    release();
  }
}

/** @returns the run's exit code; undefined when the supervisor went without saying it */
async function showEvents(ctx: CliContext, events: AsyncIterable<RunEvent>): Promise<number | undefined> {
  try {
    for await (const event of events) {
      // Else the log of the supervisor tells all of it.
      if (ctx.json) ctx.streams.stdout.write(`${JSON.stringify(event)}\n`);
      if (event.type === "run" && event.state === "stopped") return event.exitCode;
    }
  } catch (error) {
    if (isFlowError(error)) throw error;
  }
  return undefined;
}

function supervisorLost(): FlowError {
  return new FlowError("FLOW_RUN_SUPERVISOR_LOST", "the supervisor is gone: everything it ran is being ended", {
    hint: "flow logs shows what was written; the next flow run begins anew",
  });
}

/** How far the output has come. */
interface Output {
  /** Lines that its reader has taken. */
  taken: number;
}

async function showLogs(
  ctx: CliContext,
  { logs, services, since }: FollowTarget,
  { ended, output }: { ended: Promise<void>; output: Output },
): Promise<void> {
  const { stdout, stdoutColour } = ctx.streams;
  const prefixes = new ServicePrefixes([...services, ownLog], stdoutColour);
  const format = (line: LogLine): string => {
    if (ctx.json) return JSON.stringify({ type: "log", ...line });
    return line.service === ownLog ? prefixes.event(line.line) : prefixes.line(line.service, line.line);
  };
  let missed = 0;
  const lines = followLogs(logs, {
    services: [...services, ownLog],
    ended,
    since,
    onMissed: (count) => {
      missed = count;
    },
  });
  for await (const line of lines) {
    // The terminal was closed.
    if (stdout.destroyed) return;
    // The files are followed: a slow terminal holds up this process alone.
    if (!stdout.write(`${format(line)}\n`)) {
      await new Promise((resolve) => stdout.once("drain", resolve).once("close", resolve));
    }
    output.taken++;
  }
  if (missed > 0) warn(ctx, `${missed} lines were not shown: they were rotated away before this terminal took them`);
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
