import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { checkServiceGraph, loadRepository } from "../../../src/config/index.ts";
import { FlowError } from "../../../src/core/errors.ts";
import { tempDirectory } from "../../support/temp.ts";

async function load(yaml: string) {
  const dir = await tempDirectory();
  await writeFile(join(dir, "flow.yaml"), yaml);
  return await loadRepository(dir);
}

async function complaint(yaml: string): Promise<string> {
  const error = await load(yaml).then(
    (repository) => {
      checkServiceGraph([repository]);
      return undefined;
    },
    (error: unknown) => error,
  );
  expect(error).toBeInstanceOf(FlowError);
  expect((error as FlowError).code).toBe("FLOW_CONFIG_INVALID");
  return (error as FlowError).message.replace(/^.*flow\.yaml/, "flow.yaml");
}

test("a plain file with commands is enough", async () => {
  const { definition } = await load(
    "services:\n  web:\n    command: python3 -m http.server $PORT\n    depends: [db]\n  db:\n    command: [sleep, '9']\n    stop: {timeout: 1500ms}\n",
  );
  expect(definition.services?.web).toMatchObject({ command: "python3 -m http.server $PORT", depends: { db: "ready" } });
  expect(definition.services?.db?.stop?.timeout).toBe(1_500);
});

describe("a mistake is named with its line", () => {
  test.each([
    [
      "a misspelt key",
      "services:\n  web:\n    comand: ls\n    command: ls\n",
      'flow.yaml:3: unknown key "comand" in services.web; did you mean "command"?',
    ],
    ["a wrong type", "services:\n  web:\n    command: ls\n    port: [1]\n", "flow.yaml:4: services.web.port: "],
    [
      "a wrong word",
      "services:\n  web:\n    command: ls\n    stop:\n      signal: KILL\n",
      "flow.yaml:5: services.web.stop.signal: must be ",
    ],
    [
      "a wrong duration",
      "services:\n  web:\n    command: ls\n    stop: {timeout: soon}\n",
      "flow.yaml:4: services.web.stop.timeout: must be a duration",
    ],
    [
      "both entry and command",
      "services:\n  web: {command: ls, entry: a.ts}\n",
      "flow.yaml:2: services.web: must have either entry, or command, or image",
    ],
    ["a bad name", "services:\n  Web_1: {command: ls}\n", "flow.yaml:2: services.Web_1: "],
    [
      "two gates",
      "services:\n  web:\n    command: ls\n    ready: {tcp: true, http: /}\n",
      "flow.yaml:4: services.web.ready: must name exactly one of",
    ],
    ["broken YAML", "services:\n  web: {command: ls\n", "flow.yaml:"],
    [
      "a service that waits for a server to complete",
      "services:\n  a: {entry: a.ts}\n  b: {command: ls, depends: {a: completed}}\n",
      "flow.yaml:3: b waits for a to complete",
    ],
  ])("%s", async (_name, yaml, expected) => {
    expect(await complaint(yaml)).toContain(expected);
  });

  test("several at once are all told", async () => {
    const text = await complaint("services:\n  a: {comand: ls}\n  b: {command: 1}\n");
    expect(text.split("\n").length).toBeGreaterThan(1);
  });
});

describe("the graph of services", () => {
  test("a cycle is shown whole", async () => {
    const repository = await load(
      "services:\n  a: {command: x, depends: [b]}\n  b: {command: x, depends: [c]}\n  c: {command: x, depends: [b]}\n",
    );
    expect(() => checkServiceGraph([repository])).toThrow("b → c → b");
  });

  test("an unknown dependency gets a suggestion", async () => {
    const repository = await load("services:\n  product: {command: x}\n  order: {command: x, depends: [prodcut]}\n");
    expect(() => checkServiceGraph([repository])).toThrow(expect.objectContaining({ hint: 'did you mean "product"?' }));
  });

  test("two repositories cannot define the same service", async () => {
    const one = await load("services:\n  product: {command: x}\n");
    const two = await load("services:\n  product: {command: x}\n");
    expect(() => checkServiceGraph([one, two])).toThrow(one.file);
  });
});

test("no flow.yaml says how to write one", async () => {
  const dir = await tempDirectory();
  await mkdir(join(dir, "x"));
  await expect(loadRepository(join(dir, "x"))).rejects.toMatchObject({
    code: "FLOW_CONFIG_NOT_FOUND",
    hint: expect.stringContaining("services:"),
  });
});
