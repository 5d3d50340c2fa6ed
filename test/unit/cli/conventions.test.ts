import { readdir } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import type { CommandDefinition } from "../../../src/cli/command.ts";
import { commands } from "../../../src/cli/commands/index.ts";
import { flow } from "../../support/flow.ts";
import { tempDirectory } from "../../support/temp.ts";

/** Answers that are text by nature: scripts for a shell, a schema that is JSON already, another program's own output. */
const withoutJson = ["completion", "completion-words", "demo", "exec", "help", "schema", "shell"];

/** What changes nothing of a workspace, a repository or a run: it tells, or it runs a program that does what it does. */
const reads = [
  "attach",
  "call",
  "completion",
  "completion-words",
  "demo",
  "doctor",
  "env",
  "exec",
  "help",
  "logs",
  "ps",
  "run",
  "schema",
  "script",
  "services",
  "shell",
  "tool list",
  "tool which",
  "version",
  "wait",
  "where",
  "vendor diff",
  "vendor licenses",
  "vendor list",
  "vendor outdated",
  "vendor patches",
  "vendor review",
  "vendor status",
  "vendor verify",
];

/** What takes something away that a person made. */
const destroyers = ["tool remove", "vendor remove"];

const definitionOf = async (name: string) =>
  (await commands.find((entry) => entry.name === name)?.load())?.command as CommandDefinition;

describe("every command", () => {
  test.each(commands.map(({ name }) => name))("%s offers --json, --dry-run and --yes where it should", async (name) => {
    const { json, mutates = false, destroys = false } = await definitionOf(name);
    expect({ json: json !== false, mutates, destroys }).toEqual({
      json: !withoutJson.includes(name),
      mutates: !reads.includes(name),
      destroys: destroyers.includes(name),
    });
  });

  test("is named in the lists of this test only while it exists", () => {
    const names = commands.map(({ name }) => name);
    for (const name of [...withoutJson, ...reads, ...destroyers]) expect(names).toContain(name);
  });
});

test("vendor init --dry-run prints what it would make, and makes nothing", async () => {
  const cwd = await tempDirectory();
  const env = { HOME: await tempDirectory(), GIT_CONFIG_GLOBAL: "/dev/null" };
  const init = ["vendor", "init", "mirror", "--remote", "./mirror.git"];
  const plan = await flow([...init, "--dry-run", "--json"], { cwd, env });
  expect(JSON.parse(plan.stdout)).toMatchObject({
    dryRun: true,
    plan: [
      `make a git repository at ${cwd}/mirror`,
      `make a bare repository at ${cwd}/mirror.git`,
      `share it through ${cwd}/mirror.git, as origin`,
      "commit vendor-manifest.json, .gitattributes, README.md",
    ],
  });
  expect(await readdir(cwd)).toEqual([]);
  expect(await flow(init, { cwd, env })).toMatchObject({ exitCode: 0 });
  expect(JSON.parse((await flow([...init, "--dry-run", "--json"], { cwd, env })).stdout)).toMatchObject({ plan: [] });
});
