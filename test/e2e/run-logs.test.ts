import { execa } from "execa";
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { poll } from "../../src/core/retry.ts";
import type { LogLine } from "../../src/runner/index.ts";
import { checkoutRoot } from "../support/context.ts";
import { patienceMs, runDirectory, type RunDirectory } from "../support/run-directory.ts";

vi.setConfig({ testTimeout: 90_000 });

async function lines(run: RunDirectory, ...args: string[]): Promise<LogLine[]> {
  const { stdout } = await run.flow("logs", "--json", ...args);
  return stdout === "" ? [] : stdout.split("\n").map((line) => JSON.parse(line) as LogLine);
}

const seq = `awk 'BEGIN { for (i = 1; i < 100000; i++) print "line " i; printf "the last one, which nothing ends" }'`;

test("100,000 lines and a last one that nothing ends are all there, of several services and runs", async () => {
  const services = ["a", "b", "c"];
  const run = await runDirectory(
    `services:\n${services.map((name) => `  ${name}: {command: [sh, -c, ${JSON.stringify(seq)}]}\n`).join("")}`,
  );
  const rounds = 2;
  for (let round = 0; round < rounds; round++) {
    const { exitCode, stdout } = await run.flow("run");
    expect(exitCode).toBe(0);
    // What the terminal shows is complete too.
    for (const name of services) {
      const shown = stdout.split("\n").filter((line) => line.startsWith(`${name}    │ `));
      expect(shown).toHaveLength(100_000);
      expect(shown.at(-1)).toContain("the last one, which nothing ends");
    }
  }
  for (const name of services) {
    const { stdout } = await run.flow("logs", name, "--grep", "^(line [1-9]|the last)");
    expect(stdout.split("\n")).toHaveLength(rounds * 100_000);
    expect((await lines(run, name, "--tail", "1"))[0]).toMatchObject({
      line: "the last one, which nothing ends",
      number: 100_000,
    });
  }
});

test("the last line is kept when a service crashes, or is killed", async () => {
  const run = await runDirectory(
    `services:
  crashes: {command: [sh, -c, "printf half; exit 3"], restart: never}
  killed: {command: [sh, -c, "printf half; kill -9 $$"], restart: never}
`,
  );
  expect(["crashes", "killed"]).toContain((await run.flow("run")).stdout.match(/(\w+) failed/)?.[1]);
  expect((await lines(run, "crashes", "killed")).map(({ service, line }) => [service, line]).sort()).toEqual([
    ["crashes", "half"],
    ["killed", "half"],
  ]);
});

test("characters that are written in pieces stay whole, and no escape byte is added for a pipe", async () => {
  const program = `
const text = Buffer.from("Grüße, 世界 🎉\\n".repeat(3));
let at = 0;
const timer = setInterval(() => {
  if (at === text.length) return clearInterval(timer);
  process.stdout.write(text.subarray(at, at + 1));
  at++;
}, 1);`;
  const run = await runDirectory("services:\n  one: {command: [node, one.mjs]}\n", { files: { "one.mjs": program } });
  const { stdout, stderr } = await run.flow("run");
  expect(stdout.match(/one  │ Grüße, 世界 🎉\n/g)).toHaveLength(3);
  expect(stdout + stderr).not.toContain("\x1b");
});

test("standard output and error stay in their order, and the lines of all services in that of their time", async () => {
  const program = `for (let i = 0; i < 500; i++) (i % 2 ? process.stdout : process.stderr).write(i + "\\n");`;
  const run = await runDirectory("services:\n  one: {command: [node, one.mjs]}\n  two: {command: [node, one.mjs]}\n", {
    files: { "one.mjs": program },
  });
  expect(await run.flow("run")).toMatchObject({ exitCode: 0 });
  const all = await lines(run);
  for (const name of ["one", "two"])
    expect(all.filter(({ service }) => service === name).map(({ line }) => Number(line))).toEqual(
      Array.from({ length: 500 }, (_, index) => index),
    );
  expect(all.map(({ seq }) => seq)).toEqual(all.map(({ seq }) => seq).sort((a, b) => a - b));
});

test("files are rotated by size and count, and what follows them counts what was rotated away", async () => {
  const run = await runDirectory(`services:\n  one: {command: [node, one.mjs]}\n`, {
    files: {
      "one.mjs": `const line = "x".repeat(1000) + "\\n"; for (let i = 0; i < 80; i++) process.stdout.write(line.repeat(1024));`,
    },
  });
  expect(await run.flow("run", "-q")).toMatchObject({ exitCode: 0 });
  const logs = join(run.dir, ".flow/logs");
  const files = (await readdir(logs)).filter((name) => name.startsWith("one.log")).sort();
  expect(files).toEqual(["one.log", "one.log.1", "one.log.2", "one.log.3", "one.log.4", "one.log.5"]);
  for (const name of files) expect((await stat(join(logs, name))).size).toBeLessThan(12 * 1024 ** 2);
  const kept = (await lines(run, "one")).map(({ number }) => number);
  expect(kept.at(-1)).toBe(80 * 1024);
  expect(kept).toEqual(Array.from({ length: kept.length }, (_, index) => 80 * 1024 - kept.length + 1 + index));
});

test("a reader that takes nothing blocks no service, and does not outlive the run", async () => {
  const run = await runDirectory(
    `services:\n  chatty: {command: [sh, -c, ${JSON.stringify(`${seq}; echo done > done.txt; exec sleep 600`)}]}\n`,
  );
  const stalled = execa(join(checkoutRoot, "bin/flow"), ["run"], {
    cwd: run.dir,
    env: run.env,
    extendEnv: false,
    reject: false,
    stdin: "ignore",
    // Nobody reads this pipe.
    buffer: false,
  });
  expect(
    await poll(async () => (await stat(join(run.dir, "done.txt")).catch(() => undefined)) !== undefined, {
      timeoutMs: patienceMs,
    }),
  ).toBe(true);
  expect((await lines(run, "chatty", "--tail", "1"))[0]?.line).toBe("line 99999");
  expect(await run.flow("stop")).toMatchObject({ exitCode: 0 });
  expect(await stalled).toMatchObject({ exitCode: 0 });
});

test("flow logs works while it runs, after the supervisor died, and after the end", async () => {
  const run = await runDirectory(
    `services:\n  one: {command: "for i in 1 2 3; do echo say $i; done; exec sleep 600"}\n  two: {command: "echo other; exec sleep 600"}\n`,
  );
  expect(await run.flow("run", "-d")).toMatchObject({ exitCode: 0 });
  const expected = ["say 1", "say 2", "say 3"];
  const following = run.start("logs", "one", "-f");
  expect(await poll(() => following.said().includes("say 3"), { timeoutMs: patienceMs })).toBe(true);
  expect((await lines(run, "one")).map(({ line }) => line)).toEqual(expected);
  process.kill((await run.document()).run?.supervisorPid as number, "SIGKILL");
  expect(await following.ended).toMatchObject({
    exitCode: 0,
    stdout: expected.map((line) => `one │ ${line}`).join("\n"),
  });
  expect((await lines(run, "one")).map(({ line }) => line)).toEqual(expected);
  expect((await lines(run, "one", "two", "--grep", "^(say 2|oth)")).map(({ line }) => line).sort()).toEqual([
    "other",
    "say 2",
  ]);
  expect((await lines(run, "one", "--tail", "2")).map(({ line }) => line)).toEqual(["say 2", "say 3"]);
  expect(await lines(run, "one", "--since", "0s")).toEqual([]);
  expect(await lines(run, "one", "--since", "1h")).toHaveLength(3);
  for (const wrong of [
    ["--since", "soon"],
    ["--tail", "-1"],
    ["--grep", "("],
  ])
    expect(await run.flow("logs", ...wrong)).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining(wrong[0] as string),
    });
});

test("flow run --json tells log lines and states, a document a line and nothing else", async () => {
  const run = await runDirectory(`services:\n  one: {command: "echo hello; exit 3", restart: never}\n`);
  const { stdout, exitCode } = await run.flow("run", "--json");
  expect(exitCode).toBe(3);
  const documents = stdout.split("\n").map((line) => JSON.parse(line) as { type: string });
  expect(documents).toContainEqual(expect.objectContaining({ type: "log", service: "one", line: "hello" }));
  expect(documents).toContainEqual(expect.objectContaining({ type: "state", service: "one", state: "failed" }));
  expect(documents).toContainEqual(expect.objectContaining({ type: "run", state: "stopped", exitCode: 3 }));
});
