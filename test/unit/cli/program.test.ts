import { execa } from "execa";
import { existsSync } from "node:fs";
import { mkdir, readFile, readdir, writeFile } from "node:fs/promises";
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

describe("completion", () => {
  const there = (shell: string) => (process.env.PATH ?? "").split(":").some((dir) => existsSync(join(dir, shell)));

  /** What a shell offers for a line that was typed so far. */
  async function complete(shell: "bash" | "fish", line: string): Promise<string[]> {
    const cwd = await tempDirectory();
    await mkdir(join(cwd, "bin"));
    const script = `#!/bin/sh\nexec '${process.execPath}' '${checkoutRoot}/src/cli/main.ts' "$@"\n`;
    await writeFile(join(cwd, "bin/flow"), script, { mode: 0o755 });
    const words = line.split(" ").map((word) => `'${word}'`);
    const programs = {
      bash: `eval "$(flow completion bash)"; COMP_WORDS=(${words.join(" ")}); COMP_CWORD=${words.length - 1}; _flow; printf '%s\\n' "\${COMPREPLY[@]}"`,
      fish: `flow completion fish | source; complete -C '${line}'`,
    };
    const env = { PATH: `${join(cwd, "bin")}:${process.env.PATH}`, HOME: cwd };
    const { stdout } = await execa(shell, ["-c", programs[shell]], { cwd, env, extendEnv: false });
    return stdout.split("\n").map((offer) => offer.split("\t")[0] as string);
  }

  describe.each(["bash", "fish"] as const)("of %s", (shell) => {
    test.skipIf(!there(shell)).each([
      ["flow vers", ["version"]],
      ["flow vendor ad", ["add"]],
      ["flow run -d --no-ed", ["--no-edge"]],
      ["flow tool install --dr", ["--dry-run"]],
    ])("%s", async (line, offers) => {
      expect(await complete(shell, line)).toEqual(offers);
    });
  });

  test.skipIf(!there("zsh"))("of zsh is valid there", async () => {
    const cwd = await tempDirectory();
    const { stdout } = await flow(["completion", "zsh"], { cwd });
    await execa("zsh", ["-n"], { input: stdout, env: { HOME: cwd } });
  });

  test.each(["bash", "zsh", "fish"])("of %s knows every command", async (shell) => {
    const { stdout } = await flow(["completion", shell], { cwd: await tempDirectory() });
    for (const { name, hidden } of commands) if (hidden !== true) expect(stdout).toContain(name.split(" ").at(-1));
  });
});

test("mistakes on the command line are errors like all others, as JSON too", async () => {
  const cwd = await tempDirectory();
  const plain = await flow(["vendor", "ad"], { cwd });
  expect(plain).toMatchObject({ stdout: "", exitCode: 2 });
  expect(plain.stderr).toBe(
    "error: unknown command 'ad' [FLOW_USAGE]\n\nhint: did you mean add? flow vendor --help shows all",
  );
  const json = await flow(["doctor", "--jsn", "--json"], { cwd });
  expect(JSON.parse(json.stderr).error).toMatchObject({ code: "FLOW_USAGE", exitCode: 2 });
});

test("flow schema prints what editors read", async () => {
  const { stdout, stderr } = await flow(["schema"], { cwd: await tempDirectory() });
  expect(stderr).toBe("");
  expect(JSON.parse(stdout)).toMatchObject({ title: "flow.yaml" });
});

test("flow env --checkout gives contributors the checkout's tools wherever they are", async () => {
  const { stdout } = await flow(["env", "bash", "--checkout"], { cwd: await tempDirectory() });
  expect(stdout).toContain(join(checkoutRoot, "node_modules/.bin"));
});

test("every check of flow doctor says what it found, how long that took, and with a problem how to mend it", async () => {
  const cwd = await tempDirectory();
  const { stdout, exitCode } = await flow(["doctor", "--json"], { cwd });
  const { checks } = JSON.parse(stdout) as { checks: { status: string; fix?: string }[] };
  for (const check of checks) {
    expect(check).toMatchObject({
      title: expect.any(String),
      detail: expect.any(String),
      durationMs: expect.any(Number),
    });
    expect(check.status === "ok" || check.fix !== undefined).toBe(true);
  }
  expect(exitCode).toBe(checks.some(({ status }) => status === "problem") ? 1 : 0);
});

test("flow doctor names a broken flow.yaml and exits with 1", async () => {
  const cwd = await tempDirectory();
  await writeFile(join(cwd, "flow.yaml"), "organization: acme\nmodule: example.com/acme\nmiror: { url: x }\n");
  const { stdout, exitCode } = await flow(["doctor", "--json"], { cwd });
  const { checks } = JSON.parse(stdout) as { checks: { title: string }[] };
  expect(checks.find(({ title }) => title === "configuration")).toMatchObject({
    status: "problem",
    detail: expect.stringMatching(/flow\.yaml:3: unknown key "miror"; did you mean "mirror"\?/),
  });
  expect(exitCode).toBe(1);
});
