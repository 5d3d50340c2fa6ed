import { execa } from "execa";
import getPort from "get-port";
import { once } from "node:events";
import { connect } from "node:net";
import { poll } from "../../../src/core/retry.ts";

/** @throws when nothing takes connections there within 20 s */
export async function whenListening(port: number, program: string): Promise<void> {
  const listens = async () => {
    const socket = connect(port, "127.0.0.1");
    try {
      await once(socket, "connect");
      return true;
    } catch {
      return false;
    } finally {
      socket.destroy();
    }
  };
  if ((await poll(listens, { timeoutMs: 20_000 })) !== true) throw new Error(`${program} does not listen`);
}

/** Starts gRPC's official interop server on a free port; returns it and what stops the server. */
export async function startGoServer(
  program: string,
  flags: readonly string[] = [],
): Promise<{ port: number; stop(): Promise<void> }> {
  const port = await getPort();
  const child = execa(program, [`-port=${port}`, ...flags], { reject: false });
  await whenListening(port, program);
  const stop = async () => {
    child.kill();
    await child;
  };
  return { port, stop };
}
