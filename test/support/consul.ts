import { spawn } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import getPort from "get-port";
import { poll } from "../../src/core/retry.ts";

export interface TestConsul {
  /** host:port of its HTTP API. */
  address: string;
  /** Ends it and removes its data. */
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

/** Starts a real agent on free ports with nothing in it. `httpPort` is for one that comes back after it was wiped. */
export async function startRealConsul(options: { httpPort?: number } = {}): Promise<TestConsul> {
  const binary = realConsul();
  if (binary === undefined) throw new Error("no real Consul: set FLOW_TEST_CONSUL to its path");
  const dir = await mkdtemp(join(tmpdir(), "flow-consul-"));
  const [http, server, serf] = [options.httpPort ?? (await getPort()), await getPort(), await getPort()];
  const ports = { dns: -1, grpc: -1, serf_wan: -1, http, server, serf_lan: serf };
  const configuration = { ports, limits: { http_max_conns_per_client: 8_192 } };
  const child = spawn(
    binary,
    [
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
  const leader = await poll(
    async () => {
      const response = await fetch(`http://${address}/v1/status/leader`).catch(() => undefined);
      return response?.ok === true && (await response.text()).length > 2;
    },
    { timeoutMs: 20_000 },
  );
  if (leader !== true) {
    await stop();
    throw new Error(`the Consul agent at ${address} did not become ready`);
  }
  return { address, stop };
}
