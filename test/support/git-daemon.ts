import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";
import { onTestFinished } from "vitest";
import { poll } from "../../src/core/retry.ts";
import { personalGit } from "./git-repository.ts";

/** Serves every repository below `base` by git's own protocol, pushes too; gives the port. Ends with the test. */
export async function startGitDaemon(base: string): Promise<number> {
  const reserved = createServer().listen(0, "127.0.0.1");
  await once(reserved, "listening");
  const { port } = reserved.address() as AddressInfo;
  await new Promise((resolve) => reserved.close(resolve));
  const options = ["--reuseaddr", "--export-all", "--enable=receive-pack", `--base-path=${base}`];
  const daemon = spawn("git", ["daemon", ...options, "--listen=127.0.0.1", `--port=${port}`, base], {
    env: { ...personalGit, HOME: base },
    stdio: "ignore",
    detached: true,
  });
  onTestFinished(async () => {
    if (daemon.exitCode !== null || daemon.pid === undefined) return;
    // The daemon proper is a child of `git`.
    process.kill(-daemon.pid, "SIGKILL");
    await once(daemon, "exit");
  });
  await poll(() => isListening(port), { timeoutMs: 15_000 });
  return port;
}

async function isListening(port: number): Promise<boolean> {
  const probe = connect(port, "127.0.0.1");
  const answers = await new Promise<boolean>((resolve) =>
    probe.on("connect", () => resolve(true)).on("error", () => resolve(false)),
  );
  probe.destroy();
  return answers;
}

export interface Proxy {
  port: number;
  /** Bytes that clients sent in all. */
  sent(): number;
}

/** What becomes of bytes that pass: each side gives what it hands on, at once or later. */
export interface Passage {
  toServer?(chunk: Buffer, sockets: { client: Socket; server: Socket }): void;
  toClient?(chunk: Buffer, sockets: { client: Socket; server: Socket }): void;
}

/** Stands between clients and a server on this machine. Ends with the test. */
export async function startProxy(to: number, passage: () => Passage): Promise<Proxy> {
  const open = new Set<Socket>();
  let sent = 0;
  const proxy = createServer((client) => {
    const server = connect(to, "127.0.0.1");
    const { toServer, toClient } = passage();
    for (const socket of [client, server]) open.add(socket.on("error", () => undefined));
    client.on("data", (chunk) => {
      sent += chunk.length;
      if (toServer === undefined) server.write(chunk);
      else toServer(chunk, { client, server });
    });
    server.on("data", (chunk) => {
      if (toClient === undefined) client.write(chunk);
      else toClient(chunk, { client, server });
    });
    client.on("end", () => server.end()).on("close", () => server.destroy());
    server.on("end", () => client.end()).on("close", () => client.destroy());
  }).listen(0, "127.0.0.1");
  await once(proxy, "listening");
  onTestFinished(async () => {
    for (const socket of open) socket.destroy();
    await new Promise((resolve) => proxy.close(resolve));
  });
  return { port: (proxy.address() as AddressInfo).port, sent: () => sent };
}
