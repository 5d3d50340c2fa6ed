import { once } from "node:events";
import { createServer, type AddressInfo, type Socket } from "node:net";
import { connect } from "node:tls";
import { expect, onTestFinished, test } from "vitest";
import { watchNetwork } from "../../../src/vendoring/network.ts";
import { testContext } from "../../support/context.ts";

test("TLS connections that the work opens after the abort are closed, without harm to the process", async () => {
  const server = createServer((socket) => void socket.on("error", () => socket.destroy()).resume());
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  const abort = new AbortController();
  const closed = Promise.withResolvers<Socket>();
  const watched = watchNetwork(testContext(process.cwd(), { signal: abort.signal }), async () => {
    await once(abort.signal, "abort");
    // Not within the abort's own turn: what was open by then has been closed.
    await new Promise(setImmediate);
    const socket = connect({ host: "127.0.0.1", port });
    await once(socket, "close").then(() => closed.resolve(socket), closed.reject);
  });
  abort.abort(new Error("enough"));
  await expect(watched).rejects.toThrow("enough");
  expect(await closed.promise).toMatchObject({ destroyed: true, connecting: false });
});
