import { readFile, readdir } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { commands } from "../../../src/cli/commands/index.ts";
import type { CommandDefinition } from "../../../src/cli/command.ts";
import { checkoutRoot } from "../../support/context.ts";
import { flow } from "../../support/flow.ts";
import { tempDirectory } from "../../support/temp.ts";

test("--version prints the version alone", async () => {
  const { version } = JSON.parse(await readFile(join(checkoutRoot, "package.json"), "utf8")) as { version: string };
  const cwd = await tempDirectory();
  expect(await flow(["--version"], { cwd })).toMatchObject({ stdout: version, stderr: "", exitCode: 0 });
  expect(await readdir(cwd)).toEqual([]);
});

describe("mistakes on the command line", () => {
  test.each([
    [["versoin"], "version"],
    [["version", "--jsn"], "--json"],
    [["help", "exit-code"], "exit-codes"],
  ])("flow %s gets a suggestion and exit code 2", async (args, suggestion) => {
    const { stdout, stderr, exitCode } = await flow(args, { cwd: await tempDirectory() });
    expect(stderr).toContain(suggestion);
    expect({ stdout, exitCode }).toEqual({ stdout: "", exitCode: 2 });
  });
});

test("help groups the commands and names every one that is not hidden", async () => {
  const { stdout } = await flow([], { cwd: await tempDirectory() });
  for (const { name, group, hidden } of commands) {
    if (hidden !== true) expect(stdout).toMatch(new RegExp(`${group}[^]*\\n  ${name} `));
  }
});

test.each(commands.map((entry) => [entry.name, entry] as const))(
  "flow %s says the same in the table and in its file, and shows examples",
  async (name, entry) => {
    const definition = (await entry.load()).command as CommandDefinition;
    expect(definition).toMatchObject({ name, summary: entry.summary });
    expect(definition.examples.length).toBeGreaterThan(0);
    for (const example of definition.examples) expect(example.command).toContain(`flow ${name}`);
  },
);

test("no escape byte reaches a pipe, unless colour is forced", async () => {
  const cwd = await tempDirectory();
  const plain = await flow(["help", "nothing"], { cwd });
  expect(plain.stderr).not.toContain("\u001b");
  const forced = await flow(["help", "nothing"], { cwd, env: { FORCE_COLOR: "1" } });
  expect(forced.stderr).toContain("\u001b");
  const never = await flow(["help", "nothing"], { cwd, env: { FORCE_COLOR: "1", NO_COLOR: "1" } });
  expect(never.stderr).not.toContain("\u001b");
});

test("a command line that is wrong leaves stdout empty for the script that reads it", async () => {
  const { stdout, stderr, exitCode } = await flow(["doctor", "--json", "--nope"], { cwd: await tempDirectory() });
  expect({ stdout, exitCode }).toEqual({ stdout: "", exitCode: 2 });
  expect(stderr).toContain("--nope");
});

test.each(["bash", "zsh"])("the completion of %s is valid there and knows every command", async (shell) => {
  const cwd = await tempDirectory();
  const { stdout } = await flow(["completion", shell], { cwd });
  for (const { name, hidden } of commands) if (hidden !== true) expect(stdout).toContain(name.split(" ").at(-1));
  if (shell === "bash") {
    const { execa } = await import("execa");
    const completed = await execa("bash", [
      "-c",
      `${stdout}\nCOMP_WORDS=(flow vers); COMP_CWORD=1; _flow; echo "\${COMPREPLY[@]}"`,
    ]);
    expect(completed.stdout).toBe("version");
  }
});
