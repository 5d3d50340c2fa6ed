import { request as httpRequest, Agent } from "node:http";
import { text } from "node:stream/consumers";
import { describe, expect, it, onTestFinished } from "vitest";
import { poll } from "../../src/core/retry.ts";
import { createConsul } from "../../src/runtime/consul/index.ts";
import { realConsul, startRealConsul } from "../support/consul.ts";
import { startEcho, startEdgeProcess } from "../support/edge-processes.ts";

const rounds = 6;

describe.skipIf(realConsul() === undefined)("the edge under chaos", () => {
  it("fails no idempotent call while instances are killed and started again", { timeout: 120_000 }, async () => {
    const agent = await startRealConsul();
    onTestFinished(() => agent.stop());
    const consul = createConsul({ address: agent.address });
    const instances = await Promise.all(
      ["chaos-1", "chaos-2", "chaos-3"].map((id) => startEcho(consul, { service: "chaos", id })),
    );
    const edge = await startEdgeProcess(agent.address);
    const known = async (count: number) =>
      await poll(
        async () => {
          const routes = (await (await fetch(`${edge.url}/-/routes`)).json()) as {
            services: { instances: unknown[] }[];
          };
          return routes.services[0]?.instances.length === count;
        },
        { timeoutMs: 20_000 },
      );
    expect(await known(3)).toBe(true);

    const load = startLoad(`${edge.url}/api/test.Echo/Say`, 6);
    for (let round = 0; round < rounds; round++) {
      const index = round % instances.length;
      const { port, end } = instances[index]!;
      const before = load.answers();
      await end("SIGKILL");
      // Half of the time it comes back at once, half of the time after Consul has noticed.
      if (round % 2 === 0) expect(await known(2)).toBe(true);
      instances[index] = await startEcho(consul, { service: "chaos", id: `chaos-${index + 1}`, port });
      expect(await known(3)).toBe(true);
      expect(load.answers()).toBeGreaterThan(before);
    }
    const results = await load.stop();
    expect(results.failures).toEqual([]);
    expect(results.answers).toBeGreaterThan(500);
    // What kept them from failing: instances did go away under calls.
    expect(edge.output().stderr).toContain("instance gave no answer");
  });
});

/** Callers that ask one call after the other until they are stopped. The method says that it may be repeated. */
function startLoad(url: string, callers: number) {
  const agent = new Agent({ keepAlive: true });
  const failures: string[] = [];
  let answers = 0;
  const state = { done: false };
  const call = (): Promise<string> =>
    new Promise((resolve, reject) => {
      const request = httpRequest(
        url,
        { method: "POST", agent, headers: { "content-type": "application/json" } },
        (response) => {
          text(response).then((body) => resolve(`${response.statusCode} ${body}`), reject);
        },
      );
      request.on("error", reject).end('{"text":"hi","number":"5"}');
    });
  const running = Array.from({ length: callers }, async () => {
    while (!state.done) {
      const answer = await call().catch((error: unknown) => String(error));
      if (answer === '200 {"text":"hi","number":"5"}') answers++;
      else failures.push(answer);
    }
  });
  return {
    answers: () => answers,
    stop: async () => {
      state.done = true;
      await Promise.all(running);
      agent.destroy();
      return { answers, failures };
    },
  };
}
