import { setTimeout as delay } from "node:timers/promises";
import { exitCodes } from "../../../core/error-codes.ts";
import { isFlowError } from "../../../core/errors.ts";
import { info, warn } from "../../../core/events.ts";
import { followLogs, ownLog, type RunClient, type RunDocument } from "../../../runner/index.ts";
import type { CliContext } from "../../command.ts";
import { ServicePrefixes } from "./service-colours.ts";

export interface FollowTarget {
  client: RunClient;
  /** Directory of the run's logs. */
  logs: string;
  /** The run belongs to this terminal: Ctrl-C stops it, and when this process goes without a word, it ends. */
  own: boolean;
}

/**
 * Shows a run on the terminal until it ends: what its services write and what becomes of them. The lines of Consul
 * and the edge are left to `flow logs`. The first Ctrl-C stops an own run, a second kills it.
 * @returns the run's exit code; 130 or 143 when a signal ended it and no service had failed
 */
export async function follow(ctx: CliContext, { client, logs, own }: FollowTarget): Promise<number> {
  const document = await client.state();
  const ended = Promise.withResolvers<void>();
  let interrupted: number | undefined;
  const release = takeSignals((code) => {
    if (!own) return process.exit(exitCodes.ok);
    if (interrupted === undefined) info(ctx, "stopping; Ctrl-C again kills");
    void client.stop({ kill: interrupted !== undefined }).catch(() => {});
    interrupted ??= code;
  });
  const shown = showLogs(ctx, { document, logs, ended: ended.promise });
  try {
    for await (const event of client.events({ own })) {
      if (event.type === "notice") info(ctx, event.text);
      if (event.type === "run" && event.state === "stopped") {
        return event.exitCode === 0 ? (interrupted ?? exitCodes.ok) : (event.exitCode ?? exitCodes.failure);
      }
    }
    warn(ctx, "the supervisor is gone");
    return interrupted ?? exitCodes.failure;
  } catch (error) {
    if (isFlowError(error)) throw error;
    warn(ctx, "the supervisor is gone");
    return interrupted ?? exitCodes.failure;
  } finally {
    ended.resolve();
    // A terminal that takes nothing (Ctrl-S) must not keep this process: the rest is in the files.
    await Promise.race([shown, delay(2_000, undefined, { ref: false })]);
    release();
  }
}

interface Shown {
  document: RunDocument;
  logs: string;
  ended: Promise<void>;
}

async function showLogs(ctx: CliContext, { document, logs, ended }: Shown): Promise<void> {
  const names = document.services.map(({ name }) => name);
  const prefixes = new ServicePrefixes(names, ctx.streams.stdoutColour);
  let missed = 0;
  const lines = followLogs(logs, {
    services: [...names, ownLog],
    ended,
    ...(document.run === null ? {} : { since: document.run.startedAt }),
    onMissed: (count) => {
      missed = count;
    },
  });
  for await (const { service, line } of lines) {
    const text = service === ownLog ? prefixes.event(line) : prefixes.line(service, line);
    // The files are followed: a slow terminal holds up this process alone.
    if (!ctx.streams.stdout.write(`${text}\n`)) {
      await new Promise((resolve) => ctx.streams.stdout.once("drain", resolve).once("close", resolve));
    }
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
