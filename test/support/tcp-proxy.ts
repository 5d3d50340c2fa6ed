import { connect, createServer, type AddressInfo, type Socket } from "node:net";
import { onTestFinished } from "vitest";

export interface TcpProxy {
  port: number;
  /** From now on nothing passes either way, and no connection ends: what a broken network looks like. */
  freeze(): void;
}

/** Passes connections on to a port of loopback. */
export async function proxyTo(target: number): Promise<TcpProxy> {
  const sockets = new Set<Socket>();
  let frozen = false;
  const join = (from: Socket, to: Socket) => {
    sockets.add(from);
    from
      .on("data", (chunk: Buffer) => void (frozen || to.write(chunk)))
      .on("end", () => void (frozen || to.end()))
      .on("error", () => {})
      .on("close", () => void (frozen || to.destroy()));
  };
  const server = createServer({ noDelay: true }, (near) => {
    const far = connect({ port: target, host: "127.0.0.1", noDelay: true });
    join(near, far);
    join(far, near);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, freeze: () => (frozen = true) };
}
