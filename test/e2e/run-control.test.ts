import { execa } from "execa";
import { rm } from "node:fs/promises";
import { createServer } from "node:net";
import { dirname, join } from "node:path";
import getPort from "get-port";
import { expect, onTestFinished, test, vi } from "vitest";
import { poll } from "../../src/core/retry.ts";
import { leftAfter, patienceMs, runDirectory, serverProgram, type RunDirectory } from "../support/run-directory.ts";

vi.setConfig({ testTimeout: 120_000 });

const files = { "server.mjs": serverProgram };
const server = "command: [node, server.mjs]";

async function environmentOf(port: number | null): Promise<Record<string, string>> {
  return (await (await fetch(`http://127.0.0.1:${port}`)).json()) as Record<string, string>;
}

/** Listens on a port of loopback until the test is over. */
async function occupy(port: number): Promise<void> {
  const socket = createServer();
  await new Promise<void>((resolve, reject) => socket.once("error", reject).listen(port, "127.0.0.1", resolve));
  onTestFinished(() => void socket.close());
}

test("flow ps --json is one document; without a run it is one too", async () => {
  const run = await runDirectory(
    `services:\n  one: {${server}, port: auto, consul: true}\n  two: {command: "exec sleep 600"}\n`,
    { files },
  );
  expect(await run.flow("ps", "--json")).toMatchObject({
    exitCode: 0,
    stdout: JSON.stringify({ run: null, services: [] }, null, 2),
  });
  expect(await run.flow("run", "-d", "--consul", "embedded")).toMatchObject({ exitCode: 0 });
  const { stdout, stderr } = await run.flow("ps", "--json");
  expect(stderr).toBe("");
  const { run: status, services } = JSON.parse(stdout) as Awaited<ReturnType<RunDirectory["document"]>>;
  expect(status).toMatchObject({ state: "ready", consul: { kind: "embedded", pid: expect.any(Number) } });
  const [one, two] = services;
  expect(one).toMatchObject({ name: "one", pid: expect.any(Number), state: "ready", consulId: `one-${one?.port}` });
  expect(two).toMatchObject({ name: "two", pid: expect.any(Number), port: null, state: "ready", consulId: null });
  // Flow registered the command, and Consul looks after it.
  const health = async () =>
    (await (await fetch(`http://${status?.consul?.address}/v1/health/service/one?passing`)).json()) as {
      Service: { ID: string };
    }[];
  expect((await health()).map(({ Service }) => Service.ID)).toEqual([one?.consulId]);
  expect(await run.flow("stop", "one")).toMatchObject({ exitCode: 0 });
  expect(await health()).toEqual([]);
});

test("services get FLOW_*, config/<service>.env and what flow.yaml says, and nothing personal", async () => {
  const run = await runDirectory(
    `services:\n  one: {${server}, port: auto, consul: true, env: {FROM_YAML: 1, BOTH: yaml}}\n`,
    {
      files: { ...files, "config/one.env": "# mine\nFROM_FILE='of the file'\nBOTH=file\nFLOW_SERVICE=other\n" },
      env: {
        AWS_SECRET_ACCESS_KEY: "personal",
        NODE_OPTIONS: "--max-old-space-size=200",
        LC_TIME: "de_DE",
        SSH_AUTH_SOCK: "/x",
      },
    },
  );
  expect(await run.flow("run", "-d", "--consul", "embedded")).toMatchObject({ exitCode: 0 });
  const { port } = await run.service("one");
  const { consul } = (await run.document()).run ?? {};
  const env = await environmentOf(port);
  expect(env).toMatchObject({
    FLOW_SERVICE: "one",
    FLOW_PORT: String(port),
    PORT: String(port),
    FLOW_CONSUL_ADDR: consul?.address,
    FLOW_DC: "dc1",
    FLOW_INSTANCE: `one-${port}`,
    FROM_YAML: "1",
    FROM_FILE: "of the file",
    BOTH: "file",
    LC_TIME: "de_DE",
    HOME: run.env.HOME,
  });
  for (const name of ["AWS_SECRET_ACCESS_KEY", "NODE_OPTIONS", "SSH_AUTH_SOCK"]) expect(env).not.toHaveProperty(name);
});

test("a fixed port is honoured, or refused naming who has it", async () => {
  const port = await getPort();
  const run = await runDirectory(`services:\n  one: {${server}, port: ${port}, restart: never}\n`, { files });
  expect(await run.flow("run", "-d")).toMatchObject({ exitCode: 0 });
  expect(await run.service("one")).toMatchObject({ port });
  expect(await run.flow("stop")).toMatchObject({ exitCode: 0 });
  await occupy(port);
  const { exitCode, stdout } = await run.flow("run");
  expect(exitCode).toBe(1);
  expect(stdout).toContain(`one failed: port ${port} is in use by process ${process.pid}`);
});

test("a port is the same at every start, and another one when somebody took it", async () => {
  const run = await runDirectory(`services:\n  one: {${server}, port: auto}\n`, { files });
  const start = async () => {
    expect(await run.flow("run", "-d")).toMatchObject({ exitCode: 0 });
    return (await run.service("one")).port as number;
  };
  const first = await start();
  await run.flow("stop");
  expect(await start()).toBe(first);
  // Taken while the run goes on: a restart moves.
  await run.flow("stop", "one");
  await occupy(first);
  expect(await run.flow("restart", "one")).toMatchObject({ exitCode: 0 });
  const { port } = await run.service("one");
  expect(port).not.toBe(first);
  expect(await environmentOf(port)).toMatchObject({ PORT: String(port) });
  expect((await run.flow("logs", "flow")).stdout).toContain(
    `port ${first} is in use by process ${process.pid}; it gets ${port}`,
  );
  await run.flow("stop");
  expect(await start()).not.toBe(first);
});

test("two directories run at once; a second run in the same one is refused, and disturbs nothing", async () => {
  const yaml = `services:\n  one: {${server}, port: auto}\n`;
  const [here, there] = [await runDirectory(yaml, { files }), await runDirectory(yaml, { files })];
  const started = await Promise.all([here.flow("run", "-d"), there.flow("run", "-d")]);
  expect(started.map(({ exitCode }) => exitCode)).toEqual([0, 0]);
  const [a, b] = [await here.service("one"), await there.service("one")];
  expect(a.port).not.toBe(b.port);
  const { supervisorPid } = (await here.document()).run ?? {};
  const second = await here.flow("run");
  expect(second).toMatchObject({ exitCode: 1, stdout: "" });
  expect(second.stderr).toContain(`process ${supervisorPid}`);
  expect(await here.service("one")).toEqual(a);
  expect(await here.flow("stop")).toMatchObject({ exitCode: 0 });
  expect(await there.service("one")).toEqual(b);
});

test("of two that start a run at the same moment, one does", async () => {
  const run = await runDirectory("services:\n  one: {command: 'exec sleep 600'}\n");
  const codes = (await Promise.all([run.flow("run", "-d"), run.flow("run", "-d")])).map(({ exitCode }) => exitCode);
  expect(codes.sort()).toEqual([0, 1]);
  expect(run.alive().filter((line) => line.includes("sleep 600"))).toHaveLength(1);
});

test("attach shows a run and leaves it running", async () => {
  const run = await runDirectory("services:\n  one: {command: 'echo hello; exec sleep 600'}\n");
  expect(await run.flow("attach")).toMatchObject({ exitCode: 1, stderr: expect.stringContaining("nothing runs here") });
  expect(await run.flow("run", "-d")).toMatchObject({ exitCode: 0 });
  const [leaving, staying] = [run.start("attach"), run.start("attach")];
  for (const attached of [leaving, staying])
    expect(
      await poll(() => /one  │ hello[^]*everything is ready/.test(attached.said()), { timeoutMs: patienceMs }),
    ).toBe(true);
  leaving.kill("SIGINT");
  expect(await leaving.ended).toMatchObject({ exitCode: 0 });
  expect(await run.service("one")).toMatchObject({ state: "ready" });
  expect(await run.flow("stop")).toMatchObject({ exitCode: 0 });
  expect(await staying.ended).toMatchObject({ exitCode: 0 });
});

test("wait ends with what becomes of a run, or when its time is over", async () => {
  const run = await runDirectory(
    "services:\n  one: {command: 'until test -f go; do sleep 0.05; done; echo now; exec sleep 600', ready: {log: now}}\n",
  );
  expect(await run.flow("wait")).toMatchObject({ exitCode: 1 });
  const starting = run.start("run", "-d");
  expect(await poll(async () => (await run.document()).run !== null, { timeoutMs: patienceMs })).toBe(true);
  expect(await run.flow("wait", "--timeout", "0.2")).toMatchObject({
    exitCode: 124,
    stderr: expect.stringContaining("one is starting"),
  });
  await run.write("go", "");
  expect(await run.flow("wait", "--json")).toMatchObject({ exitCode: 0 });
  expect(await starting.ended).toMatchObject({ exitCode: 0 });
});

test("without a workspace, in a directory whose name has spaces and is long, a run works by a path of its own", async () => {
  const run = await runDirectory("");
  const deep = join("a directory with ü", "x".repeat(100));
  await run.write(join(deep, "flow.yaml"), `services:\n  one: {${server}, port: auto, consul: true}\n`);
  await run.write(join(deep, "server.mjs"), serverProgram);
  const flow = async (...args: string[]) =>
    await execa(join(dirname(dirname(import.meta.dirname)), "bin/flow"), args, {
      cwd: join(run.dir, deep),
      env: run.env,
      extendEnv: false,
      reject: false,
      stdin: "ignore",
    });
  const started = await flow("run", "-d", "--consul", "embedded");
  expect(started.exitCode, started.stderr).toBe(0);
  expect((await flow("services", "--json")).stdout).toContain('"one"');
  expect(await flow("stop")).toMatchObject({ exitCode: 0 });
  expect(await leftAfter(run, 2_000)).toEqual([]);
});

test("flow restart starts a service as flow.yaml is by now, on the port it had, and refuses a flow.yaml that is wrong", async () => {
  const yaml = (more: string) => `services:\n  one: {${server}, port: auto${more}}\n  two: {command: [sleep, "600"]}\n`;
  const run = await runDirectory(yaml(""), { files });
  expect(await run.flow("run", "-d")).toMatchObject({ exitCode: 0 });
  const { port, pid } = await run.service("one");
  await run.write("flow.yaml", yaml(", env: {COLOUR: green}, depend: [two]"));
  expect(await run.flow("restart", "one")).toMatchObject({ exitCode: 3, stderr: expect.stringContaining('"depend"') });
  expect(await run.service("one")).toMatchObject({ pid, state: "ready" });
  await run.write("flow.yaml", yaml(", env: {COLOUR: green}"));
  expect(await run.flow("restart", "one")).toMatchObject({ exitCode: 0 });
  expect(await environmentOf((await run.service("one")).port)).toMatchObject({ COLOUR: "green", PORT: String(port) });
  await run.write("flow.yaml", `services:\n  two: {command: [sleep, "600"]}\n`);
  const { exitCode, stderr } = await run.flow("restart", "one");
  expect({ exitCode, stderr }).toMatchObject({ exitCode: 0, stderr: expect.stringContaining("defines one no more") });
});

test("flow ps tells of a service that hangs", async () => {
  const run = await runDirectory(`services:\n  one: {${server}, ready: {http: /}}\n`, { files });
  expect(await run.flow("run", "-d")).toMatchObject({ exitCode: 0 });
  const { pid, state } = await run.service("one");
  expect(state).toBe("ready");
  process.kill(pid as number, "SIGSTOP");
  expect(await run.service("one")).toMatchObject({ state: "unresponsive", reason: expect.stringContaining("GET /") });
  process.kill(pid as number, "SIGCONT");
  expect(await run.service("one")).toMatchObject({ state: "ready", reason: null });
});

test("hundreds of random starts, stops and restarts leave no wedge and no process twice", async () => {
  const names = ["a", "b", "c", "d"];
  const run = await runDirectory(
    `services:\n${names.map((name, index) => `  ${name}: {command: "exec sleep 60${index}", restart: {backoff: 10ms, attempts: 1000}}\n`).join("")}`,
  );
  expect(await run.flow("run", "-d")).toMatchObject({ exitCode: 0 });
  const { connectRunAt } = await import("../../src/runner/index.ts");
  const client = await connectRunAt(run.dir);
  if (client === undefined) throw new Error("there is no run");
  // A seed of its own for each run would make a failure hard to repeat.
  let seed = 20_261_128;
  const random = (below: number) => (seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31) % below;
  const operate = async () => {
    for (let turn = 0; turn < 75; turn++) {
      const name = names[random(names.length)] as string;
      const verb = (["start", "stop", "restart", "kill", "crash"] as const)[random(5)];
      if (verb !== "crash") await client.control(name, verb as "start");
      else {
        const { services } = await client.state();
        const pid = services.find((one) => one.name === name)?.pid;
        // It may have ended meanwhile; its number is not given away that fast.
        if (pid) await execa("kill", ["-9", String(pid)], { reject: false });
      }
    }
  };
  await Promise.all([operate(), operate(), operate(), operate()]);
  for (const name of names) await client.control(name, "start");
  expect(await run.flow("wait")).toMatchObject({ exitCode: 0 });
  const { services } = await run.document();
  expect(services.map(({ state }) => state)).toEqual(["ready", "ready", "ready", "ready"]);
  for (const [index, { pid }] of services.entries())
    expect(run.alive().filter((line) => line.endsWith(`sleep 60${index}`))).toEqual([`${pid} sleep 60${index}`]);
  expect(await run.flow("stop")).toMatchObject({ exitCode: 0 });
  expect(await leftAfter(run, 2_000)).toEqual([]);
});

test("a supervisor that hangs is told of, with the way out, instead of waited for", async () => {
  const run = await runDirectory(`services:\n  one: {command: "exec sleep 600"}\n`);
  expect(await run.flow("run", "-d")).toMatchObject({ exitCode: 0 });
  const pid = (await run.document()).run?.supervisorPid as number;
  process.kill(pid, "SIGSTOP");
  onTestFinished(() => void process.kill(pid, "SIGCONT"));
  expect(await run.flow("ps")).toMatchObject({ exitCode: 5, stderr: expect.stringContaining(`kill -9 ${pid}`) });
});

test.each([
  ["crash-looping", 1],
  ["backing-off", 1_000],
] as const)(
  "flow restart of a run's only service while it is %s starts it, and the run goes on",
  async (state, attempts) => {
    const run = await runDirectory(
      `services:\n  one: {command: "test -f mended && exec sleep 600", restart: {backoff: 10m, maxBackoff: 10m, attempts: ${attempts}}}\n`,
    );
    // One that backs off for minutes is not settled: nobody waits for it.
    const starting = run.start("run", "-d");
    expect(await poll(async () => (await run.document()).run !== null, { timeoutMs: patienceMs })).toBe(true);
    await run.until("one", (status) => status.state === state);
    await run.write("mended", "");
    expect(await run.flow("restart", "one")).toMatchObject({ exitCode: 0, stdout: "one: ready" });
    expect(await run.service("one")).toMatchObject({ state: "ready", pid: expect.any(Number) });
    expect(await run.flow("wait")).toMatchObject({ exitCode: 0 });
    await starting.ended;
  },
);

test.each(["SIGTERM", "SIGINT", "no signal"] as const)(
  "a run whose .flow was removed ends with all its programs after %s",
  async (signal) => {
    const run = await runDirectory(
      `services:\n  one: {command: "exec sleep 600"}\n  loop: {command: "sleep 0.1; exit 1", restart: {backoff: 50ms, maxBackoff: 50ms, attempts: 1000}}\n`,
    );
    const starting = run.start("run", "-d");
    expect(await poll(async () => (await run.document()).run !== null, { timeoutMs: patienceMs })).toBe(true);
    await run.until("one", ({ state }) => state === "ready");
    const pid = (await run.document()).run?.supervisorPid as number;
    await rm(join(run.dir, ".flow"), { recursive: true, force: true, maxRetries: 5 });
    if (signal !== "no signal") process.kill(pid, signal);
    expect(await leftAfter(run, patienceMs)).toEqual([]);
    await starting.ended;
  },
);
