import type { AddressInfo, Socket } from "node:net";
import { expect, onTestFinished, test, vi } from "vitest";
import { ErrorCode, type ConnectionEnd } from "../../../src/http2/index.ts";
import { background, Code, type RunningServer } from "../../../src/runtime/index.ts";
import { overrideTarget } from "../../../src/runtime/internal/client/targets.ts";
import { PingAllowance } from "../../../src/runtime/internal/transport/native/keepalive.ts";
import { sharePort } from "../../../src/runtime/internal/server/shared-port.ts";
import {
  selectTransport,
  type ListenOptions,
  type ServerCall,
  type Transport,
} from "../../../src/runtime/internal/transport/index.ts";
import { echoClient, serveEcho } from "../../support/echo.ts";
import { connectHttp2 } from "../../support/http2-client.ts";
import { proxyTo } from "../../support/tcp-proxy.ts";

const native = selectTransport("native");
const silent = { path: "/test.Wire/Silent", kind: "bidi_streaming" } as const;
const quick = { everyMs: 50, timeoutMs: 200 };

/** A listener whose calls are answered by the test. */
async function listen(options: Partial<ListenOptions> = {}) {
  const calls: ServerCall[] = [];
  const listener = native.listen({ methods: [silent], ...options }, (call) => void calls.push(call));
  const http2 = (socket: Socket) => listener.accept(socket);
  const port = sharePort({ http2, http1: (socket) => void socket.destroy() });
  await new Promise<void>((resolve) => port.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    listener.close();
    port.close();
  });
  return { calls, port: (port.address() as AddressInfo).port };
}

function connectTo(port: number, options: Parameters<Transport["connect"]>[1] = {}) {
  const connection = native.connect({ host: "127.0.0.1", port }, options);
  onTestFinished(() => connection.close(true));
  return connection;
}

test("a client finds a connection that is half open: its call is UNAVAILABLE, the next one takes a new connection", async () => {
  const { calls, port } = await listen();
  const proxy = await proxyTo(port);
  const connection = connectTo(proxy.port, { keepalive: quick });
  const call = connection.call(silent, [], {});
  await expect.poll(() => calls.length).toBe(1);
  proxy.freeze();
  const outcome = await call.outcome;
  expect(outcome).toMatchObject({ code: Code.Unavailable, unprocessed: false });
  expect(outcome.message).toContain("keepalive");
  expect(connection.state).toBe("idle");
});

test("a server finds a caller that is half open: the call's signal says so", async () => {
  const { calls, port } = await listen({ keepalive: quick });
  const proxy = await proxyTo(port);
  connectTo(proxy.port).call(silent, [], {});
  await expect.poll(() => calls.length).toBe(1);
  const { signal } = calls[0] as ServerCall;
  expect(signal.aborted).toBe(false);
  proxy.freeze();
  await expect.poll(() => signal.aborted, { timeout: 10_000 }).toBe(true);
});

test("what hung on a half-open connection is repeated on another instance where that is safe", async () => {
  let hangs = true;
  const first = await serveEcho({ say: async (_ctx, { text }) => (hangs ? await new Promise(() => {}) : { text }) });
  const second = await serveEcho();
  onTestFinished(async () => {
    hangs = false;
    await Promise.all([first.stop(), second.stop()]);
  });
  const proxy = await proxyTo(first.port);
  const endpoints = [`127.0.0.1:${proxy.port}`, second.address];
  const transport: Transport = {
    ...native,
    connect: (endpoint, options) => native.connect(endpoint, { ...options, keepalive: quick }),
  };
  onTestFinished(overrideTarget("echo", { endpoints, transport }));
  const client = echoClient();
  // Two in turn: one of them begins at the instance that will be cut off.
  const calls = [1, 2].map(() => client.say(background(), { text: "hi" }));
  const answered = Promise.all(calls);
  await Promise.race(calls);
  proxy.freeze();
  expect((await answered).map(({ text }) => text)).toEqual(["hi", "hi"]);
});

/** Pings in turn, each when the last was answered; how the connection ended, or undefined when it did not. */
async function pingTimes(port: number, times: number): Promise<ConnectionEnd | undefined> {
  const { connection, ended } = await connectHttp2(port);
  onTestFinished(() => connection.close());
  for (let index = 0; index < times; index++) {
    const end = await Promise.race([
      new Promise<undefined>((resolve) => connection.ping(() => resolve(undefined))),
      ended,
    ]);
    if (end !== undefined) return end;
  }
  return undefined;
}

test("who pings too often is told too_many_pings", async () => {
  const end = await pingTimes((await listen()).port, 10);
  expect(end).toMatchObject({ code: ErrorCode.EnhanceYourCalm, message: expect.stringContaining("too_many_pings") });
  expect(await pingTimes((await listen({ minPingIntervalMs: 0 })).port, 10)).toBeUndefined();
});

test("a client pings no more than any server allows: with calls, after news, or five minutes later", () => {
  vi.useFakeTimers({ toFake: ["performance"] });
  onTestFinished(() => void vi.useRealTimers());
  const allowance = new PingAllowance();
  expect([allowance.take(0, 0), allowance.take(1, 0), allowance.take(1, 0)]).toEqual([false, true, false]);
  expect([allowance.take(1, 3), allowance.take(1, 3)]).toEqual([true, false]);
  vi.advanceTimersByTime(300_000);
  expect([allowance.take(0, 3), allowance.take(1, 3), allowance.take(1, 3)]).toEqual([false, true, false]);
});

test("a connection ends at its age: the call on it goes on, the next call takes another", async () => {
  const { calls, port } = await listen({ maxConnectionAgeMs: 100 });
  const connection = connectTo(port);
  const old = connection.call(silent, [], {});
  await expect.poll(() => calls.length).toBe(1);
  await expect.poll(() => connection.state).not.toBe("ready");
  const next = connection.call(silent, [], {});
  await expect.poll(() => calls.length).toBe(2);
  expect(calls[1]?.peer).not.toBe(calls[0]?.peer);
  for (const call of calls) call.finish({ code: Code.Ok, message: "" }, []);
  expect((await old.outcome).code).toBe(Code.Ok);
  expect((await next.outcome).code).toBe(Code.Ok);
});

test("calls that outlive the grace after a connection's age are UNAVAILABLE", async () => {
  const { calls, port } = await listen({ maxConnectionAgeMs: 50, maxConnectionAgeGraceMs: 50 });
  const call = connectTo(port).call(silent, [], {});
  await expect.poll(() => calls.length).toBe(1);
  expect((await call.outcome).code).toBe(Code.Unavailable);
});

test.skipIf(process.platform !== "linux")("several servers share one port, and both are reached", async () => {
  const names = ["first", "second"];
  const servers: RunningServer[] = [];
  let port = 0;
  for (const text of names) {
    const server = await serveEcho({ say: () => ({ text }) }, { reusePort: true, port });
    servers.push(server);
    port = server.port;
  }
  onTestFinished(async () => void (await Promise.all(servers.map((server) => server.stop()))));
  const seen = new Set<string>();
  const ask = async () => {
    const response = await fetch(`http://127.0.0.1:${port}/api/test.Echo/Say`, {
      method: "POST",
      headers: { connection: "close" },
      body: "{}",
    });
    seen.add(((await response.json()) as { text: string }).text);
    return seen.size;
  };
  await expect.poll(ask, { interval: 1, timeout: 20_000 }).toBe(2);
});
