import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { request as httpRequest, type IncomingMessage } from "node:http";
import { connect } from "node:net";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { poll } from "../../src/core/retry.ts";
import { createConsul, type Consul } from "../../src/runtime/consul/index.ts";
import { realConsul, startRealConsul, type TestConsul } from "../support/consul.ts";
import { testInstance } from "../support/edge.ts";
import { startEcho, startEdgeProcess, startProcess } from "../support/edge-processes.ts";

let agent: TestConsul;
let consul: Consul;

// An agent for each test: one that killed its services leaves their registrations, and with them their claims.
beforeEach(async () => {
  if (realConsul() === undefined) return;
  agent = await startRealConsul();
  consul = createConsul({ address: agent.address });
});
afterEach(() => agent?.stop());

const post = (url: string, body: object, headers: Record<string, string> = {}) =>
  fetch(url, {
    method: "POST",
    body: JSON.stringify(body),
    headers: { "content-type": "application/json", ...headers },
  });

describe.skipIf(realConsul() === undefined)("the edge process in front of services of the runtime", () => {
  it("serves enabled methods of a service that registered itself, and its refusals pass", async () => {
    await startEcho(consul, { id: "echo-a" });
    const { url } = await startEdgeProcess(agent.address);
    const said = await post(`${url}/api/test.Echo/Say`, { text: "hi", number: "7" });
    expect([said.status, await said.json()]).toEqual([200, { text: "hi", number: "7" }]);
    const counted = await post(`${url}/api/test.Echo/Count`, { to: 2 });
    expect(await counted.text()).toBe('{"text":"","number":"1"}\n{"text":"","number":"2"}\n');
    expect((await post(`${url}/api/test.Echo/Private`, {})).status).toBe(401);
    expect((await post(`${url}/api/test.Echo/Join`, {})).status).toBe(404);
    expect((await fetch(`${url}/api/test.Echo/Say`)).status).toBe(405);
    const bad = await post(`${url}/api/test.Echo/Say`, { txt: "hi" });
    expect([bad.status, await bad.json()]).toMatchObject([400, { code: 3, status: "INVALID_ARGUMENT" }]);
  });

  it("lets an error's code, reason, fields and id out, and nothing else", async () => {
    await startEcho(consul, { id: "echo-b" });
    const { url } = await startEdgeProcess(agent.address);
    const foreseen = await post(`${url}/api/test.Echo/Say`, { text: "fail" });
    const foreseenBody = await foreseen.text();
    expect(foreseen.status).toBe(404);
    expect(JSON.parse(foreseenBody)).toMatchObject({
      code: 5,
      message: "nothing to say",
      details: [{ reason: "SILENCE", metadata: { text: "fail", "flow.id": expect.any(String) } }],
    });
    const unforeseen = await post(`${url}/api/test.Echo/Say`, { text: "boom" });
    const unforeseenBody = await unforeseen.text();
    expect(unforeseen.status).toBe(500);
    expect(unforeseenBody).toContain("flow.id");
    expect(foreseenBody + unforeseenBody).not.toMatch(/10\.0\.0\.7|hunter2|users|failDeep|echo-service/);
  });

  it("passes a deadline on, and the service's answer to it back", async () => {
    await startEcho(consul, { id: "echo-c" });
    const { url } = await startEdgeProcess(agent.address);
    const start = performance.now();
    const late = await post(`${url}/api/test.Echo/Say`, { number: "20000" }, { "grpc-timeout": "400m" });
    expect(late.status).toBe(504);
    expect(performance.now() - start).toBeLessThan(3_000);
  });

  it("goes on without a failed call while instances come and leave in order", async () => {
    const first = await startEcho(consul, { service: "rolling", id: "rolling-1" });
    const { url } = await startEdgeProcess(agent.address);
    const statuses = new Map<number, number>();
    const load = { done: false };
    const callers = Array.from({ length: 4 }, async () => {
      while (!load.done) {
        const { status, body } = await post(`${url}/api/test.Echo/Say`, { text: "x" });
        await body?.cancel();
        statuses.set(status, (statuses.get(status) ?? 0) + 1);
      }
    });
    const second = await startEcho(consul, { service: "rolling", id: "rolling-2" });
    const knows = async (count: number) =>
      await poll(
        async () => {
          const routes = (await (await fetch(`${url}/-/routes`)).json()) as {
            services: { name: string; instances: unknown[] }[];
          };
          return routes.services.find(({ name }) => name === "rolling")?.instances.length === count;
        },
        { timeoutMs: 10_000 },
      );
    expect(await knows(2)).toBe(true);
    expect(await first.end("SIGTERM")).toBe(0);
    expect(await knows(1)).toBe(true);
    const third = await startEcho(consul, { service: "rolling", id: "rolling-3" });
    expect(await knows(2)).toBe(true);
    expect(await second.end("SIGTERM")).toBe(0);
    load.done = true;
    await Promise.all(callers);
    expect([...statuses.keys()]).toEqual([200]);
    expect(statuses.get(200)).toBeGreaterThan(50);
    await third.end("SIGTERM");
  });

  it("drains at SIGTERM: the call in flight ends, the port is closed, the exit code is 0", async () => {
    await startEcho(consul, { id: "echo-d" });
    const edge = await startEdgeProcess(agent.address);
    const call = post(`${edge.url}/api/test.Echo/Say`, { text: "slow", number: "1500" });
    await poll(
      async () => {
        const routes = (await (await fetch(`${edge.url}/-/routes`)).json()) as {
          services: { instances: { inFlight: number }[] }[];
        };
        return routes.services.some(({ instances }) => instances.some(({ inFlight }) => inFlight > 0));
      },
      { timeoutMs: 5_000 },
    );
    edge.child.kill("SIGTERM");
    const port = Number(new URL(edge.url).port);
    expect(await poll(() => refused(port), { timeoutMs: 1_000 })).toBe(true);
    expect((await call).status).toBe(200);
    expect(await edge.ended).toBe(0);
    expect(edge.output().stderr).toContain("edge drains");
  });

  it("carries a large upload and a large answer without holding them", async () => {
    let size = 0;
    let received = 0;
    await testInstance(consul, {
      service: "large",
      tags: ["flow.method=/test.Large/Put;enable;upload", "flow.http=/large"],
      handler: (request, response) => {
        request.on("data", (chunk: Buffer) => (received += chunk.length));
        request.on("end", () => void pipeline(Readable.from(chunks(size)), response));
      },
    });
    const edge = await startEdgeProcess(agent.address);
    const transfer = async (bytes: number): Promise<void> => {
      size = bytes;
      received = 0;
      const request = httpRequest(`${edge.url}/api/test.Large/Put`, {
        method: "POST",
        headers: { "content-length": size },
      });
      const answered = once(request, "response") as Promise<[IncomingMessage]>;
      await pipeline(Readable.from(chunks(size)), request);
      const [response] = await answered;
      let returned = 0;
      for await (const chunk of response) returned += (chunk as Buffer).length;
      expect([received, returned]).toEqual([size, size]);
    };
    // V8 lets some garbage of network buffers gather, however much or little passes: that is there before it counts.
    await transfer(128 * 1024 * 1024);
    const before = await residentBytes(edge.child.pid!);
    await transfer(512 * 1024 * 1024);
    expect((await residentBytes(edge.child.pid!)) - before).toBeLessThan(64 * 1024 * 1024);
  });

  it("says what is wrong when it cannot start, in its exit code too", async () => {
    const without = startProcess("src/cli/entries/edge.ts", {});
    expect(await without.ended).toBe(3);
    expect(without.output().stderr).toContain("FLOW_CONSUL_ADDR");
    const edge = await startEdgeProcess(agent.address);
    const second = startProcess("src/cli/entries/edge.ts", {
      FLOW_CONSUL_ADDR: agent.address,
      FLOW_PORT: new URL(edge.url).port,
    });
    expect(await second.ended).toBe(1);
    expect(second.output().stderr).toMatch(/cannot listen.*FLOW_EDGE_CANNOT_LISTEN/);
    expect(second.output().stdout).toBe("");
  });
});

function* chunks(size: number): Generator<Buffer> {
  const chunk = Buffer.alloc(256 * 1024, "x");
  for (let sent = 0; sent < size; sent += chunk.length) yield chunk;
}

async function residentBytes(pid: number): Promise<number> {
  const [, kibibytes] = /^VmRSS:\s+(\d+) kB/m.exec(await readFile(`/proc/${pid}/status`, "utf8")) ?? [];
  return Number(kibibytes) * 1024;
}

function refused(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("error", () => resolve(true)).once("connect", () => resolve((socket.destroy(), false)));
  });
}
