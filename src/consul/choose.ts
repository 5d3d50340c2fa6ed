import { access, constants } from "node:fs/promises";
import { delimiter, join } from "node:path";
import type { FlowContext } from "../core/context.ts";
import { FlowError } from "../core/errors.ts";
import { run } from "../core/process.ts";

export type ConsulChoice =
  | { kind: "real"; path: string; version: string }
  | { kind: "embedded" }
  | { kind: "external"; address: string };

export interface ChooseOptions {
  /** auto (real when there is one), real, embedded, or the URL of an agent that runs already. */
  preference: string;
  /** A workspace's `bin/consul`; taken before what is on PATH. */
  program?: string;
}

/**
 * Decides which agent is used. Nothing is ever downloaded or built here.
 * @throws FlowError FLOW_CONSUL_NOT_FOUND when `real` is demanded and there is none
 */
export async function chooseConsul(ctx: FlowContext, { preference, program }: ChooseOptions): Promise<ConsulChoice> {
  if (preference === "embedded") return { kind: "embedded" };
  if (/^https?:\/\//.test(preference)) return { kind: "external", address: new URL(preference).host };
  if (preference !== "auto" && preference !== "real") {
    throw new FlowError("FLOW_USAGE", `there is no Consul "${preference}"`, {
      hint: "auto, real, embedded, none, or the URL of an agent",
    });
  }
  for (const path of await candidates(ctx, program)) {
    const version = await versionOf(ctx, path);
    if (version !== undefined) return { kind: "real", path, version };
  }
  if (preference === "auto") return { kind: "embedded" };
  throw new FlowError("FLOW_CONSUL_NOT_FOUND", "there is no Consul in this workspace or on PATH", {
    hint: "flow tool install consul brings it; --consul embedded does without",
  });
}

/** The one that the workspace pins, then PATH. */
async function candidates(ctx: FlowContext, program: string | undefined): Promise<string[]> {
  const onPath = (ctx.env.PATH ?? "").split(delimiter).filter(Boolean);
  const paths = [...(program === undefined ? [] : [program]), ...onPath.map((directory) => join(directory, "consul"))];
  const found: string[] = [];
  for (const path of paths) {
    const there = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (there) found.push(path);
  }
  return found;
}

/** Asks the program itself; undefined for something else of that name. */
async function versionOf(ctx: FlowContext, path: string): Promise<string | undefined> {
  try {
    const { stdout } = await run(ctx, [path, "version"], { timeoutMs: 5_000 });
    return /^Consul v(\S+)/m.exec(stdout)?.[1];
  } catch {
    ctx.signal.throwIfAborted();
    return undefined;
  }
}
