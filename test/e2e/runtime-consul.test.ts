import getPort from "get-port";
import { afterAll, describe, expect, onTestFinished, test } from "vitest";
import { poll } from "../../src/core/retry.ts";
import { realConsul, startRealConsul } from "../support/consul.ts";

const binary = realConsul();
if (binary === undefined && process.env.CI === "true") throw new Error("CI needs the real Consul: FLOW_TEST_CONSUL");

// The runtime reads its environment once, when it is loaded.
const port = await getPort();
process.env.FLOW_CONSUL_ADDR = `127.0.0.1:${port}`;
let agent = binary === undefined ? undefined : await startRealConsul({ httpPort: port });
const { background, Code } = await import("../../src/runtime/index.ts");
const { createConsul } = await import("../../src/runtime/consul/index.ts");
const { createAccessor } = await import("../../src/runtime/codegen.ts");
const { serveEcho } = await import("../support/echo.ts");
const { Echo } = await import("../fixtures/proto/test/echo_pb.ts");

const consul = createConsul({ address: `127.0.0.1:${port}` });
const address = `127.0.0.1:${port}`;
let services = 0;

afterAll(() => agent?.stop());

/** An echo service of a name of its own, and a client that finds it by Consul. */
function fleet() {
  const name = `echo-${++services}`;
  const counts = new Map<string, number>();
  const client = createAccessor(Echo, { service: name })();
  const start = async () => {
    let own = "";
    const server = await serveEcho(
      {
        say: (_ctx, { text }) => {
          counts.set(own, (counts.get(own) ?? 0) + 1);
          return { text };
        },
      },
      { name, consul: address },
    );
    own = server.address;
    onTestFinished(() => server.stop());
    return server;
  };
  return { name, counts, client, start };
}

describe.skipIf(binary === undefined)("with a real Consul (FLOW_TEST_CONSUL or PATH)", () => {
  test("a service registers when it serves, passing at once, its enabled methods as tags, and leaves when it stops", async () => {
    const { name, start } = fleet();
    const server = await start();
    const [instance] = await consul.health(name, { passing: true });
    expect(instance).toMatchObject({
      id: `${name}-127.0.0.1-${server.port}`,
      address: "127.0.0.1",
      port: server.port,
      status: "passing",
      meta: { "flow-desc": "says what it hears" },
    });
    expect(instance?.tags.filter((tag) => tag.startsWith("flow.method=/test.Echo/Say;enable;public"))).toHaveLength(1);
    expect(instance?.tags.some((tag) => tag.includes("/test.Echo/Join"))).toBe(false);
    await server.stop();
    expect(await consul.health(name)).toEqual([]);
  });

  test("Consul's own gRPC check finds it healthy", async () => {
    const { name, start } = fleet();
    await start();
    // The catalog learns of a check's output minutes later; the agent knows it at once.
    const output = await poll(
      async () => {
        const checks = Object.values(
          (await (await fetch(`http://${address}/v1/agent/checks`)).json()) as Record<
            string,
            { ServiceName: string; Output: string; Status: string }
          >,
        );
        return checks.find(
          ({ ServiceName, Output, Status }) => ServiceName === name && Output !== "" && Status === "passing",
        )?.Output;
      },
      { timeoutMs: 10_000, everyMs: 100 },
    );
    expect(output).toMatch(/success/i);
  });

  test("three instances share the calls, a fourth is found within a second", async () => {
    const { counts, client, start } = fleet();
    await Promise.all([start(), start(), start()]);
    await poll(async () => (await client.say(background(), { text: "x" }), counts.size === 3), {
      timeoutMs: 5_000,
      everyMs: 1,
    });
    counts.clear();
    await Promise.all(Array.from({ length: 3_000 }, () => client.say(background(), { text: "x" })));
    for (const count of counts.values()) expect(Math.abs(count - 1_000)).toBeLessThanOrEqual(50);
    const fourth = await start();
    const found = await poll(async () => (await client.say(background(), { text: "x" }), counts.has(fourth.address)), {
      timeoutMs: 1_000,
      everyMs: 1,
    });
    expect(found).toBe(true);
  });

  test("a rolling restart under calls fails none of them", async () => {
    const { client, start } = fleet();
    const servers = await Promise.all([start(), start(), start()]);
    const failures: unknown[] = [];
    let calls = 0;
    const state = { rolling: true };
    const callers = Array.from({ length: 4 }, async () => {
      while (state.rolling) {
        calls++;
        await client.say(background(), { text: "x" }).catch((error: unknown) => failures.push(error));
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
    });
    for (const old of servers) {
      await start();
      await old.stop();
    }
    state.rolling = false;
    await Promise.all(callers);
    expect(calls).toBeGreaterThan(100);
    expect(failures).toEqual([]);
  });

  test("when the last instance is gone a call fails fast and says so", async () => {
    const { client, start } = fleet();
    const server = await start();
    await client.say(background(), { text: "x" });
    await server.stop();
    const before = performance.now();
    await expect(client.say(background(), { text: "x" })).rejects.toMatchObject({ code: Code.Unavailable });
    expect(performance.now() - before).toBeLessThan(3_000);
  });

  test("calls go on while Consul is down, and a wiped agent has the service back within ten seconds", async () => {
    const { name, client, start } = fleet();
    await start();
    await client.say(background(), { text: "x" });
    await agent?.stop();
    for (let i = 0; i < 50; i++) await client.say(background(), { text: "x" });
    agent = await startRealConsul({ httpPort: port });
    const back = await poll(async () => (await consul.health(name, { passing: true }).catch(() => [])).length === 1, {
      timeoutMs: 10_000,
      everyMs: 100,
    });
    expect(back).toBe(true);
    await client.say(background(), { text: "x" });
  });
});
