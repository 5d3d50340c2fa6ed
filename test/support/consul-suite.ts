import { afterAll, beforeAll, describe } from "vitest";
import { ConsulApi } from "./consul-api.ts";
import { realConsul, startConsul, type ConsulKind, type TestConsul } from "./consul.ts";

/**
 * The same tests against both agents, each of which starts empty and serves all tests of the file. A machine without the
 * real one skips its half, and the title says so; in CI that is a failure.
 * With `concurrent` all tests run at the same time, those of both agents: for what takes its time.
 */
export function describeConsul(
  title: string,
  tests: (consul: ConsulApi, kind: ConsulKind) => void,
  { concurrent = false }: { concurrent?: boolean } = {},
): void {
  (concurrent ? describe.concurrent : describe).each(["embedded", "real"] as const)(`${title}, %s agent`, (kind) => {
    const missing = kind === "real" && realConsul() === undefined;
    if (missing && process.env.CI === "true") throw new Error("CI needs the real Consul: FLOW_TEST_CONSUL");
    describe.skipIf(missing)(
      missing ? "(there is none: set FLOW_TEST_CONSUL)" : "which starts with nothing in it",
      () => {
        const api = new ConsulApi();
        let agent: TestConsul | undefined;
        beforeAll(async () => {
          agent = await startConsul(kind);
          api.address = agent.address;
          // A real one enters itself into its catalog after it has become leader.
          await api.settles<unknown[]>("health/node/test", (checks) => checks.length === 1);
          await api.settles<object>("catalog/services", (services) => "consul" in services);
        });
        afterAll(() => agent?.stop());
        tests(api, kind);
      },
    );
  });
}
