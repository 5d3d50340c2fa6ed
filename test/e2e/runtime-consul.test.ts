import getPort from "get-port";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { poll } from "../../src/core/retry.ts";
import { realConsul, startConsul, type TestConsul } from "../support/consul.ts";

// The runtime reads its environment once, when it is loaded: both agents serve at the same port, one after the other.
const port = await getPort();
process.env.FLOW_CONSUL_ADDR = `127.0.0.1:${port}`;
const { background, Code } = await import("../../src/runtime/index.ts");
const { createConsul } = await import("../../src/runtime/consul/index.ts");
const { closeTargets } = await import("../../src/runtime/internal/client/targets.ts");
const { createAccessor } = await import("../../src/runtime/codegen.ts");
const { serveEcho } = await import("../support/echo.ts");
const { Echo } = await import("../fixtures/proto/test/echo_pb.ts");

const consul = createConsul({ address: `127.0.0.1:${port}` });
const address = `127.0.0.1:${port}`;
let services = 0;

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

describe.each(["embedded", "real"] as const)("with the %s Consul", (kind) => {
  const missing = kind === "real" && realConsul() === undefined;
  if (missing && process.env.CI === "true") throw new Error("CI needs the real Consul: FLOW_TEST_CONSUL");

  describe.skipIf(missing)(
    missing ? "(there is none: set FLOW_TEST_CONSUL)" : "which starts with nothing in it",
    () => {
      let agent: TestConsul | undefined;
      beforeAll(async () => {
        agent = await startConsul(kind, { httpPort: port });
      });
      afterAll(async () => {
        closeTargets();
        await agent?.stop();
      });

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
        expect(instance?.tags.filter((tag) => tag.startsWith("flow.method=/test.Echo/Say;enable;public"))).toHaveLength(
          1,
        );
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

      test("three instances share the calls evenly, and a fourth is found", async () => {
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
        const found = await poll(
          async () => (await client.say(background(), { text: "x" }), counts.has(fourth.address)),
          {
            timeoutMs: 10_000,
            everyMs: 1,
          },
        );
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
        const moreCalls = async () => {
          const before = calls;
          expect(await poll(() => calls >= before + 40, { timeoutMs: 60_000, everyMs: 5 })).toBe(true);
        };
        for (const old of servers) {
          await moreCalls();
          await start();
          await old.stop();
        }
        await moreCalls();
        state.rolling = false;
        await Promise.all(callers);
        expect(failures).toEqual([]);
      });

      test("registering the same again is no change for who watches, and flapping is gathered", async () => {
        const name = `watched-${++services}`;
        const lists: number[][] = [];
        const stop = new AbortController();
        onTestFinished(() => stop.abort());
        const instance = (id: number) => ({ id: `${name}-${id}`, name, address: "10.0.0.1", port: id });
        await consul.register(instance(1));
        consul.watchHealth(name, {
          signal: stop.signal,
          onChange: (instances) => lists.push(instances.map((one) => one.port)),
        });
        const latest = (...ports: number[]) =>
          expect.poll(() => lists.at(-1), { timeout: 20_000, interval: 5 }).toEqual(ports);
        await latest(1);
        for (let again = 0; again < 10; again++) await consul.register(instance(1));
        await consul.register(instance(2));
        await latest(1, 2);
        expect(lists.filter((ports) => ports.length === 1)).toEqual([[1]]);

        const before = lists.length;
        const start = performance.now();
        for (let flap = 0; flap < 40; flap++) {
          await consul.register(instance(3));
          await consul.deregister(`${name}-3`);
        }
        await consul.register(instance(4));
        await latest(1, 2, 4);
        // Two at once, then one in each half second.
        expect(lists.length - before).toBeLessThanOrEqual(3 + (performance.now() - start) / 500);
      });

      test("an agent that hangs keeps nobody from calling, and no service from stopping", async () => {
        const { client, start } = fleet();
        const [stays, leaves] = [await start(), await start()];
        await client.say(background(), { text: "x" });
        process.kill(agent?.pid as number, "SIGSTOP");
        try {
          const hangs = await poll(
            () =>
              fetch(`http://${address}/v1/status/leader`, { signal: AbortSignal.timeout(300) }).then(
                () => false,
                () => true,
              ),
            { timeoutMs: 10_000 },
          );
          expect(hangs).toBe(true);
          await leaves.stop();
          for (let call = 0; call < 20; call++) await client.say(background(), { text: "x" });
        } finally {
          process.kill(agent?.pid as number, "SIGCONT");
        }
        await stays.stop();
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
        agent = await startConsul(kind, { httpPort: port });
        const back = await poll(
          async () => (await consul.health(name, { passing: true }).catch(() => [])).length === 1,
          {
            timeoutMs: 10_000,
            everyMs: 100,
          },
        );
        expect(back).toBe(true);
        await client.say(background(), { text: "x" });
      });
    },
  );
});
