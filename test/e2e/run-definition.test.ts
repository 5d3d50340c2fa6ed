import getPort from "get-port";
import { describe, expect, test } from "vitest";
import { runDirectory } from "../support/run-directory.ts";

describe("a flow.yaml that is wrong is refused with file, line and the nearest name", () => {
  test.each([
    [
      "an unknown key",
      "services:\n  web:\n    command: ls\n    depend: [db]\n",
      /flow\.yaml:4: unknown key "depend" in services\.web; did you mean "depends"\?/,
    ],
    [
      "a wrong type",
      "services:\n  web:\n    command: ls\n    port: soon\n",
      /flow\.yaml:4: services\.web\.port: must be/,
    ],
    ["services that are no map", "services: [web]\n", /flow\.yaml:1: services: must be a map/],
    ["a name that Consul cannot have", "services:\n  My_Web:\n    command: ls\n", /flow\.yaml:2: .*lower-case letters/],
    [
      "a dependency that does not exist",
      "services:\n  product: {command: ls}\n  order:\n    command: ls\n    depends:\n      - prodcut\n",
      /flow\.yaml:6: order depends on "prodcut", but there is no such service[^]*did you mean "product"\?/,
    ],
    [
      "a condition on a dependency that does not exist",
      "services:\n  product: {command: ls}\n  order:\n    command: ls\n    depends:\n      prodcut: started\n",
      /flow\.yaml:6: [^]*did you mean "product"\?/,
    ],
    [
      "a cycle",
      "services:\n  a: {command: ls}\n  b:\n    command: ls\n    depends: [c]\n  c:\n    command: ls\n    depends: [b]\n",
      /flow\.yaml:5: services depend on each other in a circle: b → c → b/,
    ],
    [
      "a log gate that is no pattern",
      'services:\n  a:\n    command: ls\n    ready: {log: "("}\n',
      /flow\.yaml:4: services\.a\.ready\.log/,
    ],
    ["a name that is flow's own", "services:\n  consul: {command: ls}\n", /flow\.yaml:2: [^]*"consul"/],
    ["no service at all", "services: {}\n", /no service is defined/],
    ["broken YAML", "services:\n  a: {command: ls\n", /flow\.yaml:\d+:\d+: /],
  ])("%s", async (_name, yaml, expected) => {
    const run = await runDirectory(yaml);
    const { exitCode, stderr, stdout } = await run.flow("run");
    expect({ exitCode, stdout }, stderr).toEqual({ exitCode: 3, stdout: "" });
    expect(stderr).toMatch(expected);
    expect(run.alive()).toEqual([]);
  });
});

test("a service that is not there is refused with the nearest name, by every command that names one", async () => {
  const run = await runDirectory(
    "services:\n  product: {command: [sleep, '600']}\n  order: {command: [sleep, '600']}\n",
  );
  const started = await run.flow("run", "prodct", "-d");
  expect(started).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('did you mean "product"?') });
  expect(await run.flow("run", "-d")).toMatchObject({ exitCode: 0 });
  for (const verb of ["restart", "stop", "logs"])
    expect(await run.flow(verb, "prodct")).toMatchObject({
      exitCode: 2,
      stderr: expect.stringMatching(/no service "prodct"[^]*did you mean "product"\?/),
    });
  expect(await run.flow("logs", "product", "order")).toMatchObject({ exitCode: 0 });
});

test("only the services named run, with what they depend on", async () => {
  const sleep = "command: [sleep, '600']";
  const run = await runDirectory(
    `services:\n  a: {${sleep}}\n  b: {${sleep}, depends: [a]}\n  c: {${sleep}, depends: {b: started}}\n  d: {${sleep}}\n`,
  );
  expect(await run.flow("run", "c", "-d")).toMatchObject({ exitCode: 0 });
  const { services } = await run.document();
  expect(services.map(({ name, state }) => [name, state])).toEqual([
    ["c", "ready"],
    ["b", "ready"],
    ["a", "ready"],
  ]);
});

test("a number of seconds that is none is refused", async () => {
  const run = await runDirectory("services:\n  a: {command: [sleep, '600']}\n");
  for (const args of [
    ["run", "-d", "--timeout", "soon"],
    ["run", "-d", "--timeout", "-1"],
    ["wait", "--timeout", "0"],
  ])
    expect(await run.flow(...args)).toMatchObject({ exitCode: 2, stderr: expect.stringContaining("--timeout") });
  expect(run.alive()).toEqual([]);
});

test("where there is no flow.yaml it is said how to write one", async () => {
  const run = await runDirectory("");
  const { exitCode, stderr } = await run.flow("run");
  expect(exitCode, stderr).toBe(3);
  expect(stderr).toContain("no service is defined");
});

test("a run with a Consul that does not answer is refused before anything starts", async () => {
  const port = await getPort();
  const run = await runDirectory("services:\n  one: {command: [sleep, '600']}\n");
  const { exitCode, stderr } = await run.flow("run", "--consul", `http://127.0.0.1:${port}`);
  expect({ exitCode, stderr }).toMatchObject({ exitCode: 5, stderr: expect.stringContaining(`127.0.0.1:${port}`) });
  expect(run.alive()).toEqual([]);
});
