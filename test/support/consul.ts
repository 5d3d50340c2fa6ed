import { spawn } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import getPort from "get-port";
import { poll } from "../../src/core/retry.ts";
import { checkoutRoot } from "./context.ts";

export type ConsulKind = "embedded" | "real";

export interface TestConsul {
  /** host:port of its HTTP API. */
  address: string;
  pid: number;
  /** Kills it and removes its data. */
  stop(): Promise<void>;
}

/** The real Consul agent on this machine: `FLOW_TEST_CONSUL`, or the one on PATH. Undefined when there is none. */
export function realConsul(): string | undefined {
  const places = [
    process.env.FLOW_TEST_CONSUL ?? "",
    ...(process.env.PATH ?? "").split(delimiter).map((dir) => join(dir, "consul")),
  ];
  return places.find((path) => path !== "" && isExecutable(path));
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** The command that starts an agent of this kind, without arguments. */
export function consulCommand(kind: ConsulKind): [string, ...string[]] {
  if (kind === "embedded") return [process.execPath, join(checkoutRoot, "src/cli/entries/consul-agent.ts")];
  const binary = realConsul();
  if (binary === undefined) throw new Error("no real Consul: set FLOW_TEST_CONSUL to its path");
  return [binary];
}

/** Starts an agent on free ports with nothing in it. `httpPort` is for one that comes back after it was wiped. */
export async function startConsul(kind: ConsulKind, options: { httpPort?: number } = {}): Promise<TestConsul> {
  const [program, ...first] = consulCommand(kind);
  const dir = await mkdtemp(join(tmpdir(), "flow-consul-"));
  const [http, server, serf] = [options.httpPort ?? (await getPort()), await getPort(), await getPort()];
  const ports = { dns: -1, grpc: -1, serf_wan: -1, http, server, serf_lan: serf };
  const configuration = { ports, limits: { http_max_conns_per_client: 8_192 } };
  const child = spawn(
    program,
    [
      ...first,
      "agent",
      "-dev",
      "-node",
      "test",
      "-bind",
      "127.0.0.1",
      "-log-level",
      "err",
      "-hcl",
      JSON.stringify(configuration),
    ],
    { stdio: "ignore", cwd: dir },
  );
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const address = `127.0.0.1:${http}`;
  const stop = async () => {
    child.kill("SIGKILL");
    await ended;
    await rm(dir, { recursive: true, force: true });
  };
  if (!(await consulAnswers(address))) {
    await stop();
    throw new Error(`the ${kind} Consul agent at ${address} did not become ready`);
  }
  return { address, pid: child.pid as number, stop };
}

/** Starts a real agent on free ports with nothing in it. */
export async function startRealConsul(options: { httpPort?: number } = {}): Promise<TestConsul> {
  return await startConsul("real", options);
}

/** Waits until an agent knows its leader; false when it does not within 20 s. */
export async function consulAnswers(address: string): Promise<boolean> {
  const leader = await poll(
    async () => {
      const response = await fetch(`http://${address}/v1/status/leader`).catch(() => undefined);
      return response?.ok === true && (await response.text()).length > 2;
    },
    { timeoutMs: 20_000 },
  );
  return leader === true;
}
