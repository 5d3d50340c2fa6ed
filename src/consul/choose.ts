import { access, constants } from "node:fs/promises";
import { delimiter, join } from "node:path";
import type { FlowContext } from "../core/context.ts";
import { FlowError } from "../core/errors.ts";
import { fetchText } from "../core/http.ts";
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
 * @throws FlowError FLOW_CONSUL_NOT_FOUND when `real` is demanded and there is none, FLOW_CONSUL_UNREACHABLE for a URL
 *   where no agent answers
 */
export async function chooseConsul(ctx: FlowContext, { preference, program }: ChooseOptions): Promise<ConsulChoice> {
  if (preference === "embedded") return { kind: "embedded" };
  if (/^https?:\/\//.test(preference)) return { kind: "external", address: await reachableAgent(ctx, preference) };
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

/** host:port of an agent that answers. */
async function reachableAgent(ctx: FlowContext, url: string): Promise<string> {
  const { host } = new URL(url);
  try {
    await fetchText(ctx, `http://${host}/v1/status/leader`, { attempts: 1, idleTimeoutMs: 5_000 });
    return host;
  } catch (error) {
    ctx.signal.throwIfAborted();
    throw new FlowError("FLOW_CONSUL_UNREACHABLE", `no Consul answers at ${host}`, {
      cause: error,
      hint: "start that agent, or run with --consul auto, which starts one",
    });
  }
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
