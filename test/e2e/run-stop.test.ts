import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import getPort from "get-port";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { poll } from "../../src/core/retry.ts";
import { createConsul } from "../../src/runtime/consul/index.ts";
import { realConsul, startRealConsul } from "../support/consul.ts";
import { checkoutRoot } from "../support/context.ts";
import { leftAfter, patienceMs, runDirectory, serverProgram, type RunDirectory } from "../support/run-directory.ts";
import { openTerminal } from "../support/terminal.ts";

vi.setConfig({ testTimeout: 90_000 });

const flowProgram = join(checkoutRoot, "bin/flow");

/** Services that are hard to end: one that ignores TERM, one that called setsid, one whose grandchild holds the pipe. */
const stubborn = `
  server: {command: [node, server.mjs], port: auto, consul: true}
  client: {command: "exec sleep 600", depends: [server]}
  deaf: {command: "trap '' TERM; while :; do sleep 0.2; done", stop: {timeout: 1s}}
  escaped: {command: "setsid sh -c 'trap \\"\\" TERM HUP; while :; do sleep 0.2; done' & exec sleep 600", stop: {timeout: 1s}}
  holder: {command: "(trap '' TERM HUP; exec sleep 600) & echo started; exec sleep 600", stop: {timeout: 1s}}
`;
const files = { "server.mjs": serverProgram };

async function stubbornRun(): Promise<RunDirectory> {
  return await runDirectory(`services:${stubborn}`, { files });
}

/** An agent that outlives the runs: the real one where there is one. */
async function agent(): Promise<string> {
  if (realConsul() !== undefined) {
    const { address, stop } = await startRealConsul();
    onTestFinished(stop);
    return address;
  }
  const port = await getPort();
  const child = spawn(
    process.execPath,
    [join(checkoutRoot, "src/cli/entries/consul-agent.ts"), "agent", "-dev", `-http-port=${port}`],
    {
      stdio: "ignore",
    },
  );
  onTestFinished(() => void child.kill("SIGKILL"));
  const address = `127.0.0.1:${port}`;
  await poll(async () => (await fetch(`http://${address}/v1/status/leader`).catch(() => undefined))?.ok, {
    timeoutMs: patienceMs,
  });
  return address;
}

async function registered(address: string): Promise<string[]> {
  return (await createConsul({ address }).agentServices()).map(({ id }) => id);
}

describe("however a run is ended, nothing of it is left: no process, no registration", () => {
  test.each([
    ["Ctrl-C in its terminal", 130],
    ["a closed terminal", 129],
    ["SIGTERM", 143],
    ["SIGHUP", 129],
    ["flow stop", 0],
  ])("%s", async (way, expected) => {
    const run = await stubbornRun();
    const consul = await agent();
    const terminal = openTerminal([flowProgram, "run", "--consul", `http://${consul}`], { cwd: run.dir, env: run.env });
    expect(
      await poll(() => terminal.said().includes("everything is ready"), { timeoutMs: patienceMs }),
      terminal.said(),
    ).toBe(true);
    expect(await registered(consul)).toEqual([expect.stringMatching(/^server-\d+$/)]);
    expect(run.alive().length).toBeGreaterThan(5);
    if (way === "Ctrl-C in its terminal") terminal.type("\x03");
    else if (way === "a closed terminal") terminal.close();
    else if (way === "flow stop") expect(await run.flow("stop")).toMatchObject({ exitCode: 0 });
    else process.kill(await cliOf(run), way as NodeJS.Signals);
    expect(await terminal.ended).toBe(expected);
    expect(await leftAfter(run, 2_000)).toEqual([]);
    expect(await registered(consul)).toEqual([]);
    expect((await run.document()).run).toBeNull();
  });
});

/** PID of the attached `flow run`, which started the supervisor. */
async function cliOf(run: RunDirectory): Promise<number> {
  const supervisorPid = (await run.document()).run?.supervisorPid;
  return Number(/^PPid:\s+(\d+)$/m.exec(readFileSync(`/proc/${supervisorPid}/status`, "utf8"))?.[1]);
}

test("a stop goes in the reverse order, and what blocks it is named until it is killed", async () => {
  const run = await runDirectory(
    `services:
  first: {command: "trap 'echo first ends; exit 0' TERM; while :; do sleep 0.1; done"}
  second: {command: "trap 'echo second ends; exit 0' TERM; while :; do sleep 0.1; done", depends: [first]}
  deaf: {command: "trap '' TERM; while :; do sleep 0.2; done", depends: [second], stop: {timeout: 3s}}
`,
  );
  expect(await run.flow("run", "-d")).toMatchObject({ exitCode: 0 });
  const { pid } = await run.service("deaf");
  const { exitCode, stderr } = await run.flow("stop");
  expect(exitCode).toBe(0);
  expect(stderr).toMatch(
    new RegExp(`still waiting for deaf: .*\\(process ${pid}\\)[^]*; KILL comes 3 s after SIGTERM`),
  );
  expect((await run.flow("logs", "first", "second")).stdout).toMatch(/second ends[^]*first ends/);
  expect(await leftAfter(run, 2_000)).toEqual([]);
});

test("a second Ctrl-C kills at once", async () => {
  const run = await runDirectory(
    `services:\n  deaf: {command: "trap '' TERM; while :; do sleep 0.2; done", stop: {timeout: 10m}}\n`,
  );
  const terminal = openTerminal([flowProgram, "run"], { cwd: run.dir, env: run.env });
  expect(await poll(() => terminal.said().includes("deaf ready"), { timeoutMs: patienceMs }), terminal.said()).toBe(
    true,
  );
  terminal.type("\x03");
  expect(await poll(() => terminal.said().includes("Ctrl-C again kills"), { timeoutMs: patienceMs })).toBe(true);
  terminal.type("\x03");
  expect(await terminal.ended).toBe(130);
  expect(await leftAfter(run, 2_000)).toEqual([]);
});

test("one service is stopped, killed at wish, and started again; the others go on", async () => {
  const run = await runDirectory(
    `services:\n  deaf: {command: "trap '' TERM; while :; do sleep 0.2; done", stop: {timeout: 10m}}\n  other: {command: "exec sleep 600"}\n`,
  );
  expect(await run.flow("run", "-d")).toMatchObject({ exitCode: 0 });
  const before = await run.service("other");
  const stopping = run.start("stop", "deaf");
  await run.until("deaf", ({ state }) => state === "stopping");
  expect(await run.flow("stop", "deaf", "--kill")).toMatchObject({ exitCode: 0 });
  expect(await stopping.ended).toMatchObject({ exitCode: 0 });
  expect(await run.service("deaf")).toMatchObject({ state: "stopped", pid: null });
  expect(await run.flow("restart", "deaf")).toMatchObject({ exitCode: 0, stdout: "deaf: ready" });
  expect(await run.service("other")).toEqual(before);
  expect(await run.flow("stop", "--kill")).toMatchObject({ exitCode: 0 });
  expect(await leftAfter(run, 2_000)).toEqual([]);
});

test("kill -9 of the supervisor leaves nothing alive, and the next start heals", async () => {
  const run = await stubbornRun();
  const consul = await agent();
  const options = ["run", "-d", "--consul", `http://${consul}`];
  expect(await run.flow(...options)).toMatchObject({ exitCode: 0 });
  const first = (await run.document()).run;
  process.kill(first?.supervisorPid as number, "SIGKILL");
  // Within three seconds where the machine is idle.
  expect(await leftAfter(run, 8_000)).toEqual([]);
  expect((await run.document()).run).toBeNull();
  expect(await run.flow("stop")).toMatchObject({ exitCode: 0 });
  expect((await run.flow("logs", "holder")).stdout).toContain("started");
  expect(await run.flow(...options)).toMatchObject({ exitCode: 0 });
  const { services } = await run.document();
  expect(services.every(({ state }) => state === "ready")).toBe(true);
  // What the killed run had registered is gone; its port is taken again.
  expect(await registered(consul)).toEqual([services[0]?.consulId]);
  expect(await run.flow("stop")).toMatchObject({ exitCode: 0 });
  expect(await registered(consul)).toEqual([]);
});

test("the next start ends what outlived both the supervisor and its guardian, and nothing else", async () => {
  const run = await stubbornRun();
  expect(await run.flow("run", "-d")).toMatchObject({ exitCode: 0 });
  const { services, run: status } = await run.document();
  const guardian = run.alive().find((line) => line.includes("flow-guardian")) as string;
  process.kill(Number.parseInt(guardian, 10), "SIGSTOP");
  process.kill(status?.supervisorPid as number, "SIGKILL");
  process.kill(Number.parseInt(guardian, 10), "SIGKILL");
  expect(run.alive().length).toBeGreaterThan(4);
  expect(await run.flow("run", "-d")).toMatchObject({ exitCode: 0 });
  const old = new Set(services.map(({ pid }) => pid));
  expect(run.alive().filter((line) => old.has(Number.parseInt(line, 10)))).toEqual([]);
  expect((await run.flow("logs", "flow")).stdout).toMatch(/ended \d+ processes that a killed run had left/);
  expect(await run.flow("stop")).toMatchObject({ exitCode: 0 });
  expect(await leftAfter(run, 2_000)).toEqual([]);
});

test("a detached start that is interrupted leaves nothing running", async () => {
  const run = await runDirectory("services:\n  late: {command: 'exec sleep 600', ready: {log: never}}\n");
  const starting = run.start("run", "-d");
  expect(
    await poll(async () => (await run.document()).services[0]?.state === "starting", { timeoutMs: patienceMs }),
  ).toBe(true);
  starting.kill("SIGINT");
  expect(await starting.ended).toMatchObject({ exitCode: 130 });
  expect(await leftAfter(run, 2_000)).toEqual([]);
});

test("kill -9 of the attached command ends the run", async () => {
  const run = await runDirectory("services:\n  one: {command: 'exec sleep 600'}\n");
  const attached = run.start("run");
  expect(await poll(() => attached.said().includes("one ready"), { timeoutMs: patienceMs })).toBe(true);
  attached.kill("SIGKILL");
  await attached.ended;
  expect(await leftAfter(run, patienceMs)).toEqual([]);
});

test("the control socket and everything beside it belong to their owner alone", async () => {
  const run = await runDirectory("services:\n  one: {command: 'exec sleep 600'}\n");
  expect(await run.flow("run", "-d")).toMatchObject({ exitCode: 0 });
  const { socket } = JSON.parse(readFileSync(join(run.dir, ".flow/run/run.json"), "utf8")) as { socket: string };
  expect((await stat(socket)).mode & 0o777).toBe(0o600);
  expect((await stat(join(run.dir, ".flow/run"))).mode & 0o777).toBe(0o700);
});
