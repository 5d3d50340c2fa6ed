import { createServer, type AddressInfo } from "node:net";
import { describe, expect, onTestFinished, test } from "vitest";
import { clientPreface, FrameType } from "../../../src/http2/constants.ts";
import { Code, transportNames } from "../../../src/runtime/index.ts";
import { sharePort } from "../../../src/runtime/internal/server/shared-port.ts";
import {
  selectTransport,
  type CallHandler,
  type Connection,
  type ServerCall,
  type WireMethod,
} from "../../../src/runtime/internal/transport/index.ts";
import { frame, RawPeer, uint32 } from "../../support/http2-raw.ts";

const echo: WireMethod = { path: "/test.Wire/Echo", kind: "bidi_streaming" };
const unary: WireMethod = { path: "/test.Wire/Unary", kind: "unary" };

async function collect(call: ServerCall): Promise<Buffer[]> {
  const messages: Buffer[] = [];
  for await (const message of call.messages) messages.push(Buffer.from(message));
  return messages;
}

/** Answers with what it got; metadata comes back as trailers. */
const answer: CallHandler = (call) => {
  void (async () => {
    const back = call.headers.filter(([name]) => name.startsWith("x-"));
    if (call.headers.some(([name]) => name === "x-fail"))
      return call.finish({ code: Code.Aborted, message: "100 % größer\n" }, back);
    if (call.method === unary.path) await call.write((await collect(call))[0] ?? Buffer.alloc(0));
    else for await (const message of call.messages) await call.write(message);
    call.finish({ code: Code.Ok, message: "" }, back);
  })();
};

async function connected(client: string, server: string, handler: CallHandler) {
  const listener = selectTransport(server).listen({ methods: [echo, unary], maxMessageBytes: 2_000_000 }, handler);
  const port = sharePort({ http2: (socket) => listener.accept(socket), http1: (socket) => void socket.destroy() });
  await new Promise<void>((resolve) => port.listen(0, "127.0.0.1", resolve));
  const endpoint = { host: "127.0.0.1", port: (port.address() as AddressInfo).port };
  const connection = selectTransport(client).connect(endpoint, { maxMessageBytes: 2_000_000 });
  onTestFinished(() => {
    connection.close();
    listener.close();
    port.close();
  });
  return { connection, listener };
}

async function pair(client: string, server: string, handler: CallHandler = answer): Promise<Connection> {
  return (await connected(client, server, handler)).connection;
}

const soon = () => ({ deadline: Date.now() + 20_000 });

describe.each([
  ["native", "native"],
  ["native", "grpc-js"],
  ["grpc-js", "native"],
  ["grpc-js", "grpc-js"],
])("%s calls %s", (client, server) => {
  const [knows, serves] = [selectTransport(client).capabilities, selectTransport(server).capabilities];

  test("messages of every size come back, metadata too: bytes, duplicates in their order", async () => {
    const connection = await pair(client, server);
    for (const size of [0, 1, 100, 16_379, 16_384, 65_536, 1_500_000]) {
      const request = Buffer.alloc(size, "message ");
      const outcome = await connection.unary(unary, [], request, soon());
      expect(outcome.code).toBe(Code.Ok);
      expect(request.equals(outcome.response as Uint8Array)).toBe(true);
    }
    const bytes = Buffer.from([0, 255, 44, 10]);
    const { trailers } = await connection.unary(
      unary,
      [
        ["x-two", "a"],
        ["x-two", "b"],
        ["x-some-bin", bytes],
      ],
      Buffer.from("x"),
      soon(),
    );
    const values = (name: string) => trailers.filter(([other]) => other === name).map(([, value]) => value);
    expect(values("x-two").join(", ")).toBe("a, b");
    expect(bytes.equals(values("x-some-bin")[0] as Uint8Array)).toBe(true);
  });

  test("a status arrives with any text in its message", async () => {
    const connection = await pair(client, server);
    const outcome = await connection.unary(unary, [["x-fail", "1"]], Buffer.from("x"), soon());
    expect(outcome).toMatchObject({ code: Code.Aborted, message: "100 % größer\n", response: undefined });
  });

  test("a thousand calls and more leave the connection as it was", async () => {
    const connection = await pair(client, server);
    for (let round = 0; round < 30; round++) {
      const calls = Array.from({ length: 50 }, () => connection.unary(unary, [], Buffer.from("x"), soon()));
      for (const { code } of await Promise.all(calls)) expect(code).toBe(Code.Ok);
    }
  });

  test("a stream both ways keeps its order under back-pressure", async () => {
    const call = (await pair(client, server)).call(echo, [], soon());
    const count = 500;
    const sending = (async () => {
      for (let index = 0; index < count; index++) await call.write(Buffer.alloc(4_000, index % 251));
      call.end();
    })();
    let index = 0;
    for await (const message of call.messages) {
      expect(message.length).toBe(4_000);
      expect(message[3_999]).toBe(index++ % 251);
    }
    // First why it ended, then how far it came.
    expect(await call.outcome).toMatchObject({ code: Code.Ok });
    expect(index).toBe(count);
    await sending;
  });

  test("a reader that pauses holds its sender back, other calls go on, and nothing is lost", async () => {
    const release = Promise.withResolvers<void>();
    const connection = await pair(client, server, (call) => {
      if (call.method === unary.path) return answer(call);
      void release.promise.then(async () => {
        let bytes = 0;
        for await (const message of call.messages) bytes += message.length;
        call.finish({ code: Code.Aborted, message: String(bytes) }, []);
      });
    });
    const call = connection.call(echo, [], { deadline: Date.now() + 60_000 });
    const size = 100_000;
    const count = 300;
    let sent = 0;
    const sending = (async () => {
      for (let index = 0; index < count; index++, sent++) await call.write(Buffer.alloc(size));
      call.end();
    })();
    for (let quiet = 0, last = -1; quiet < 20; last = sent) {
      expect((await connection.unary(unary, [], Buffer.from("x"), soon())).code).toBe(Code.Ok);
      quiet = sent === last ? quiet + 1 : 0;
    }
    expect(sent * size).toBeLessThan(8_000_000);
    release.resolve();
    await sending;
    expect(await call.outcome).toMatchObject({ code: Code.Aborted, message: String(size * count) });
  });

  test("a cancel and a deadline reach the callee", async () => {
    const calls: ServerCall[] = [];
    const connection = await pair(client, server, (call) => void calls.push(call));
    const aborter = new AbortController();
    const cancelled = connection.unary(unary, [], Buffer.from("x"), { signal: aborter.signal });
    await expect.poll(() => calls.length).toBe(1);
    const { signal } = calls[0] as ServerCall;
    aborter.abort();
    expect((await cancelled).code).toBe(Code.Cancelled);
    await expect.poll(() => signal.aborted).toBe(true);
    const late = connection.unary(unary, [], Buffer.from("x"), { deadline: Date.now() + 200 });
    expect((await late).code).toBe(Code.DeadlineExceeded);
  });

  test("a handler that stops reading in the middle of a stream still answers", async () => {
    const connection = await pair(client, server, (call) => {
      void (async () => {
        for await (const message of call.messages) if (message.length > 0) break;
        call.finish({ code: Code.Aborted, message: "enough" }, [["x-seen", "1"]]);
      })();
    });
    const call = connection.call(echo, [], soon());
    await call.write(Buffer.from("x"));
    const outcome = await call.outcome;
    expect(outcome).toMatchObject({ code: Code.Aborted, message: "enough" });
    expect(outcome.trailers).toContainEqual(["x-seen", "1"]);
  });

  test.skipIf(!serves.acceptsUnknownMethods)("a method that is not in the table reaches the handler", async () => {
    const connection = await pair(client, server, (call) => {
      call.finish({ code: Code.Aborted, message: call.method }, []);
    });
    const method = { path: "/test.Other/Method", kind: "unary" } as const;
    const outcome = await connection.unary(method, [], Buffer.from("x"), soon());
    expect(outcome).toMatchObject({ code: Code.Aborted, message: "/test.Other/Method" });
  });

  test.skipIf(serves.acceptsUnknownMethods)("a method that is not in the table is UNIMPLEMENTED", async () => {
    const connection = await pair(client, server);
    const method = { path: "/test.Other/Method", kind: "unary" } as const;
    expect((await connection.unary(method, [], Buffer.from("x"), soon())).code).toBe(Code.Unimplemented);
  });

  test.skipIf(!knows.knowsDraining)("a connection whose peer goes away says so while its calls go on", async () => {
    const calls: ServerCall[] = [];
    const { connection, listener } = await connected(client, server, (call) => void calls.push(call));
    const outcome = connection.unary(unary, [], Buffer.from("x"), soon());
    await expect.poll(() => calls.length).toBe(1);
    expect(connection.state).toBe("ready");
    const drained = listener.drain(20_000);
    await expect.poll(() => connection.state).not.toBe("ready");
    await calls[0]?.write(Buffer.from("late"));
    calls[0]?.finish({ code: Code.Ok, message: "" }, []);
    expect(await outcome).toMatchObject({ code: Code.Ok, response: Buffer.from("late") });
    await drained;
  });

  test("a message over the limit is RESOURCE_EXHAUSTED, and the connection goes on", async () => {
    const connection = await pair(client, server);
    const outcome = await connection.unary(unary, [], Buffer.alloc(2_000_001), soon());
    expect(outcome.code).toBe(Code.ResourceExhausted);
    expect((await connection.unary(unary, [], Buffer.from("x"), soon())).code).toBe(Code.Ok);
  });
});

describe.each(transportNames)("%s as client", (name) => {
  const { capabilities, connect } = selectTransport(name);

  test.skipIf(!capabilities.knowsUnprocessed)(
    "a call that the peer has certainly not begun may be repeated: refused, or above what its GOAWAY names",
    async () => {
      for (const last of [frame(FrameType.RstStream, 0, 1, uint32(7)), frame(FrameType.GoAway, 0, 0, uint32(0, 0))]) {
        const server = createServer((socket) => {
          const peer = new RawPeer(socket, { skip: clientPreface.length });
          peer.send(frame(FrameType.Settings, 0, 0));
          socket.on("data", () => {
            if (peer.frames.some(({ type }) => type === FrameType.Headers)) peer.send(last);
          });
        });
        await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
        const connection = connect({ host: "127.0.0.1", port: (server.address() as AddressInfo).port });
        onTestFinished(() => {
          connection.close(true);
          server.close();
        });
        const outcome = await connection.unary(unary, [], Buffer.from("x"), soon());
        expect(outcome).toMatchObject({ code: Code.Unavailable, unprocessed: true });
      }
    },
  );
});
