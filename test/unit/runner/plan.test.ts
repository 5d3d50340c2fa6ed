import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { planRun, type PlanOptions } from "../../../src/runner/plan.ts";
import { findScope, prepareDirectories } from "../../../src/runner/scope.ts";
import type { ProcessPlan, RunPlan } from "../../../src/runner/types.ts";
import { testContext } from "../../support/context.ts";
import { tempDirectory } from "../../support/temp.ts";

/** The plan of a plain directory with these services. */
async function planOf(services: string, options: Partial<PlanOptions> & { dir?: string } = {}): Promise<RunPlan> {
  const { dir = await tempDirectory(), ...rest } = options;
  await mkdir(dir, { recursive: true });
  await writeFile(join(dir, "flow.yaml"), `services:\n${services}`);
  const ctx = testContext(dir, { env: { PATH: "/usr/bin:/bin", XDG_RUNTIME_DIR: "/run/of-me" } });
  const scope = await findScope(ctx);
  await prepareDirectories(scope.home);
  return await planRun(ctx, scope, { services: [], attached: false, consul: "none", ...rest });
}

async function serviceOf(definition: string): Promise<ProcessPlan> {
  const { processes } = await planOf(`  one: ${definition}\n`);
  return processes.find(({ name }) => name === "one") as ProcessPlan;
}

describe("a command listens on its port", () => {
  test.each([
    ["one that says so", "{command: serve, port: auto}", "sticky", { tcp: true }],
    ["one that uses the variable", "{command: 'serve --port $PORT'}", "sticky", { tcp: true }],
    ["one that takes it as a word", "{command: [serve, '{port}']}", "sticky", { tcp: true }],
    ["one with a gate that asks it", "{command: serve, ready: {http: /health}}", "sticky", { http: "/health" }],
    ["one that is registered", "{command: serve, consul: true}", "sticky", { tcp: true }],
    ["one with a number", "{command: serve, port: 31999}", "fixed", { tcp: true }],
    ["not one that says nothing: it is offered one", "{command: work}", "offered", { started: true }],
    ["not one that is another word", "{command: 'work --SUPPORT $EXPORTS'}", "offered", { started: true }],
  ])("%s", async (_name, definition, portUse, gate) => {
    const plan = await serviceOf(definition);
    expect(plan).toMatchObject({ portUse, gate, port: expect.any(Number) });
  });

  test("not one that wants none", async () => {
    expect(await serviceOf("{command: 'echo $PORT', port: none}")).toMatchObject({
      port: undefined,
      portUse: "offered",
      gate: { started: true },
    });
  });
});

test("times and policies have the defaults that are documented, and a job has none", async () => {
  expect(await serviceOf("{command: serve}")).toMatchObject({
    restart: { policy: "on-failure", backoffMs: 500, maxBackoffMs: 30_000, attempts: 5, stableAfterMs: 10_000 },
    stop: { signal: "SIGTERM", timeoutMs: 5_000 },
    gateTimeoutMs: 60_000,
  });
  expect(await serviceOf("{command: job, ready: {completed: true}}")).toMatchObject({
    restart: { policy: "never" },
    gateTimeoutMs: undefined,
  });
  expect(await serviceOf("{command: serve, restart: always, stop: {signal: INT, timeout: 2s}}")).toMatchObject({
    restart: { policy: "always", backoffMs: 500 },
    stop: { signal: "SIGINT", timeoutMs: 2_000 },
  });
});

test("a text is a command of the shell, a list is a program with its arguments", async () => {
  expect((await serviceOf("{command: 'a && b'}")).argv).toEqual(["/bin/sh", "-c", "a && b"]);
  expect((await serviceOf("{command: [a, 'b c']}")).argv).toEqual(["a", "b c"]);
});

test("ports are other ones for each service, and the same at the next plan", async () => {
  const dir = await tempDirectory();
  const services = ["a", "b", "c", "d"].map((name) => `  ${name}: {command: serve, port: auto}\n`).join("");
  const ports = ({ processes }: RunPlan) => processes.map(({ port }) => port);
  const first = ports(await planOf(services, { dir }));
  expect(new Set(first).size).toBe(4);
  expect(ports(await planOf(services, { dir }))).toEqual(first);
});

test("each run has a control socket of its own, whose path a system can hold", async () => {
  const services = "  one: {command: serve}\n";
  const dir = await tempDirectory();
  const sockets = [(await planOf(services, { dir })).socket, (await planOf(services, { dir })).socket];
  expect(new Set(sockets.map(dirname))).toEqual(new Set([join(dir, ".flow/run")]));
  expect(sockets[0]).not.toBe(sockets[1]);
  const deep = join(dir, "x".repeat(120));
  expect(dirname((await planOf(services, { dir: deep })).socket)).toBe("/run/of-me");
});
