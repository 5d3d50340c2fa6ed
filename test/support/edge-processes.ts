import { spawn, type ChildProcess } from "node:child_process";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { poll } from "../../src/core/retry.ts";
import type { Consul } from "../../src/runtime/consul/index.ts";
import { checkoutRoot } from "./context.ts";

export interface TestProcess {
  child: ChildProcess;
  /** Everything it wrote to stdout and stderr so far. */
  output(): { stdout: string; stderr: string };
  /** Resolves with its exit code, or 128 and the signal's number. */
  ended: Promise<number>;
  /** Ends it with a signal, default SIGKILL, and waits. */
  end(signal?: NodeJS.Signals): Promise<number>;
}

/** Starts a TypeScript file of this checkout as a process, ended when the test is over. */
export function startProcess(file: string, env: Record<string, string>): TestProcess {
  const child = spawn(process.execPath, [join(checkoutRoot, file)], {
    env: { PATH: process.env.PATH, HOME: process.env.HOME, FLOW_TRANSPORT: process.env.FLOW_TRANSPORT, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const collected = { stdout: "", stderr: "" };
  child.stdout.on("data", (chunk: Buffer) => (collected.stdout += String(chunk)));
  child.stderr.on("data", (chunk: Buffer) => (collected.stderr += String(chunk)));
  const ended = new Promise<number>((resolve) =>
    child.once("exit", (code, signal) => resolve(code ?? (signal === "SIGKILL" ? 137 : 143))),
  );
  const end = async (signal: NodeJS.Signals = "SIGKILL") => {
    child.kill(signal);
    return await ended;
  };
  onTestFinished(async () => void (await end()));
  return { child, output: () => ({ ...collected }), ended, end };
}

export interface EdgeProcess extends TestProcess {
  url: string;
}

/** Starts the edge as `flow run` does, and waits for its line that says it is ready. */
export async function startEdgeProcess(consul: string, env: Record<string, string> = {}): Promise<EdgeProcess> {
  const process = startProcess("src/cli/entries/edge.ts", { FLOW_CONSUL_ADDR: consul, ...env });
  const line = await poll(() => /^\{"ready":true.*$/m.exec(process.output().stdout)?.[0], { timeoutMs: 15_000 });
  if (line === undefined) throw new Error(`the edge is not ready: ${process.output().stderr}`);
  return { ...process, url: `http://${(JSON.parse(line) as { address: string }).address}` };
}

/** Starts an instance of the echo service with the real runtime, and waits until Consul has it as passing. */
export async function startEcho(
  consul: Consul,
  { service = "echo", id, port = 0 }: { service?: string; id: string; port?: number },
): Promise<TestProcess & { port: number }> {
  const process = startProcess("test/fixtures/edge/echo-service.ts", {
    FLOW_SERVICE: service,
    FLOW_INSTANCE: id,
    FLOW_PORT: String(port),
    FLOW_CONSUL_ADDR: consul.address,
    FLOW_DRAIN_MS: "3000",
  });
  // Consul may still hold an earlier life of the instance as passing, so its own word that it serves comes first.
  const registered = await poll(
    async () =>
      Object.values(process.output()).join("").includes(`"msg":"serving"`)
        ? (await consul.health(service, { passing: true })).find((instance) => instance.id === id)
        : undefined,
    { timeoutMs: 60_000, everyMs: 50 },
  );
  if (registered === undefined) throw new Error(`${id} did not register: ${process.output().stderr}`);
  return { ...process, port: registered.port };
}
