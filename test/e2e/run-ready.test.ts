import { describe, expect, test, vi } from "vitest";
import { poll } from "../../src/core/retry.ts";
import { patienceMs, runDirectory, serverProgram } from "../support/run-directory.ts";

vi.setConfig({ testTimeout: 60_000 });

const files = { "server.mjs": serverProgram };

/** A server of grpc.health.v1 that is NOT_SERVING for a moment and then SERVING. */
const grpcProgram = `
import { createServer } from "node:http2";
const server = createServer();
let asked = 0;
server.on("stream", (stream) => {
  stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
  stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
  stream.end(Buffer.from([0, 0, 0, 0, 2, 8, ++asked < 3 ? 2 : 1]));
});
server.listen(Number(process.env.PORT), "127.0.0.1");
`;

describe("a dependent starts when the gate of what it depends on is passed", () => {
  test.each([
    ["tcp", "ready: {tcp: true}", "server.mjs 300"],
    ["http", "ready: {http: /health}", "server.mjs 300"],
    ["grpc", "ready: {grpc: true}", "grpc.mjs"],
    ["log", "ready: {log: 'now (serving|working)'}", "talker.mjs"],
    ["consul", "ready: {consul: true}", "server.mjs 300"],
  ])("%s", async (kind, gate, program) => {
    const run = await runDirectory(
      `services:
  server:
    command: [node, ${program
      .split(" ")
      .map((word) => `"${word}"`)
      .join(", ")}]
    ${gate}
  client:
    command: [node, client.mjs]
    depends: [server]
    port: none
`,
      {
        files: {
          ...files,
          "grpc.mjs": grpcProgram,
          "talker.mjs": `setTimeout(() => console.log("now serving"), 300); setInterval(() => {}, 1000);`,
          "client.mjs": "setInterval(() => {}, 1000)",
        },
      },
    );
    const started = await run.flow("run", "-d", "--json", ...(kind === "consul" ? ["--consul", "embedded"] : []));
    expect(started, started.stderr).toMatchObject({ exitCode: 0 });
    const { services, exitCode } = JSON.parse(started.stdout) as Awaited<ReturnType<typeof run.document>> & {
      exitCode: number;
    };
    expect({ exitCode, states: services.map(({ state }) => state) }).toEqual({
      exitCode: 0,
      states: ["ready", "ready"],
    });
    const order = (await run.flow("logs", "flow")).stdout;
    expect(order).toMatch(/server ready[^]*client ready[^]*everything is ready/);
  });

  test("completed: a job runs to its end first", async () => {
    const run = await runDirectory(
      `services:
  job: {command: "sleep 0.3; echo done > job.txt", ready: {completed: true}}
  server: {command: "cat job.txt; exec sleep 600", depends: {job: completed}}
`,
    );
    expect(await run.flow("run", "-d")).toMatchObject({ exitCode: 0 });
    expect(await run.service("job")).toMatchObject({ state: "completed", pid: null, exitCode: 0 });
    expect((await run.flow("logs", "server")).stdout).toMatch(/^server │ done$/);
  });
});

describe("a gate that is not passed leaves the dependents blocked and never started, and the exit code tells", () => {
  const dependents = `
  dependent: {command: "echo started > dependent.txt; exec sleep 600", depends: [server]}
  further: {command: "echo started > further.txt; exec sleep 600", depends: [dependent]}
`;
  test.each([
    ["tcp", "ready: {tcp: true, timeout: 500ms}", /port \d+ is not open/],
    ["http", "ready: {http: /health, timeout: 500ms}", /GET \/health on port \d+/],
    ["grpc", "ready: {grpc: true, timeout: 500ms}", /gRPC health on port \d+ is not SERVING/],
    ["log", "ready: {log: never, timeout: 500ms}", /no line matched never/],
    ["completed", "ready: {completed: true, timeout: 500ms}", /it has not ended/],
  ])("%s", async (_kind, gate, reason) => {
    const run = await runDirectory(`services:\n  server: {command: "exec sleep 600", ${gate}}${dependents}`);
    const { exitCode, stdout, stderr } = await run.flow("run");
    expect(exitCode, stdout + stderr).toBe(124);
    expect(stdout).toMatch(new RegExp(`server failed: not ready within 0\\.5 s: .*${reason.source}`));
    expect(stdout).toMatch(/dependent blocked: server failed/);
    expect(stdout).toMatch(/further blocked: dependent is blocked/);
    expect((await run.flow("logs")).stdout).not.toMatch(/dependent │|further │/);
    expect(run.alive()).toEqual([]);
  });

  test.each([
    ["tcp", "port: auto, ready: {tcp: true}", /port \d+ is not open/],
    ["log", "ready: {log: never}", /no line matched never/],
  ])("%s: who waits no longer is told what is missing, and so does flow ps", async (_kind, gate, reason) => {
    const run = await runDirectory(`services:\n  server: {command: "exec sleep 600", ${gate}}\n`);
    const { exitCode, stderr } = await run.flow("run", "-d", "--timeout", "2");
    expect(exitCode, stderr).toBe(124);
    expect(stderr).toMatch(new RegExp(`server is starting \\(${reason.source}\\)`));
    expect(await run.service("server")).toMatchObject({ state: "starting", reason: expect.stringMatching(reason) });
  });

  test("what does not depend on it goes on, in the background too", async () => {
    const run = await runDirectory(
      `services:\n  other: {command: "exec sleep 600"}\n  server: {command: "exit 3", restart: never}${dependents}`,
    );
    const { exitCode, stderr } = await run.flow("run", "-d");
    expect(exitCode, stderr).toBe(3);
    const { run: status, services } = await run.document();
    expect(status).toMatchObject({ state: "degraded", exitCode: 3 });
    expect(services.map(({ name, state, reason, pid }) => ({ name, state, reason, isAlive: pid !== null }))).toEqual([
      { name: "other", state: "ready", reason: null, isAlive: true },
      { name: "server", state: "failed", reason: "exited with 3", isAlive: false },
      { name: "dependent", state: "blocked", reason: "server failed: exited with 3", isAlive: false },
      { name: "further", state: "blocked", reason: expect.stringContaining("dependent is blocked"), isAlive: false },
    ]);
    expect(await run.flow("wait")).toMatchObject({ exitCode: 3 });
  });

  test("they start when the dependency was mended and restarted", async () => {
    const run = await runDirectory(
      `services:\n  server: {command: "test -f mended && exec sleep 600", restart: never}${dependents}`,
    );
    const keeper = `  keeper: {command: "exec sleep 600"}\n`;
    await run.write(
      "flow.yaml",
      `services:\n  server: {command: "test -f mended && exec sleep 600", restart: never}${dependents}${keeper}`,
    );
    expect(await run.flow("run", "-d")).toMatchObject({ exitCode: 1 });
    await run.write("mended", "");
    expect(await run.flow("restart", "server")).toMatchObject({ exitCode: 0 });
    expect(await run.flow("wait")).toMatchObject({ exitCode: 0 });
    expect((await run.document()).services.map(({ state }) => state)).toEqual(["ready", "ready", "ready", "ready"]);
  });
});

describe("the exit code of a run", () => {
  test.each([
    ["the failing service's own", "exit 3", 3],
    ["139 after a segmentation fault", "kill -SEGV $$", 139],
    ["137 after a kill", "kill -KILL $$", 137],
    ["127 for a program that is not there", "[no-such-program]", 127],
    ["0 when all jobs are done", "echo done", 0],
  ])("is %s, attached and detached", async (_name, command, expected) => {
    const run = await runDirectory(`services:\n  job: {command: ${command}, restart: never}\n`);
    const attached = await run.flow("run");
    expect(attached.exitCode, attached.stderr).toBe(expected);
    const detached = await run.flow("run", "-d", "--json");
    expect(detached.exitCode, detached.stderr).toBe(expected);
    const { services } = JSON.parse(detached.stdout) as Awaited<ReturnType<typeof run.document>>;
    expect(services[0]).toMatchObject({ exitCode: expected, state: expected === 0 ? "completed" : "failed" });
    expect(run.alive()).toEqual([]);
  });

  test("is the first failure's, not the last one's", async () => {
    const run = await runDirectory(
      `services:
  first: {command: "exit 3", restart: never, ready: {completed: true}}
  last: {command: "until test -f .flow/logs/flow.log && grep -q 'first failed' .flow/logs/flow.log; do sleep 0.05; done; exit 4", restart: never, ready: {completed: true}}
`,
    );
    expect(await run.flow("run")).toMatchObject({ exitCode: 3 });
  });

  test("is not 0 when a server ended with 0 before it was ready, and its dependents are blocked", async () => {
    const run = await runDirectory(
      `services:
  server: {command: "echo $PORT", restart: never}
  dependent: {command: "exec sleep 600", depends: [server]}
`,
    );
    const { exitCode, stdout } = await run.flow("run");
    expect(stdout).toMatch(/server failed: exited with 0 before it was ready/);
    expect(stdout).toMatch(/dependent blocked/);
    expect(exitCode).toBe(1);
  });
});

describe("a service that crashes", () => {
  test("is restarted ever more slowly, counts as crash-looping after the configured number, and disturbs nobody", async () => {
    const run = await runDirectory(
      `services:
  other: {command: "exec sleep 600"}
  loop: {command: "exit 7", restart: {backoff: 20ms, maxBackoff: 300ms, attempts: 3}}
`,
    );
    const { exitCode } = await run.flow("run", "-d");
    expect(exitCode).toBe(7);
    const other = await run.service("other");
    const looping = await run.until("loop", ({ state, restarts }) => state === "crash-looping" && restarts >= 5);
    expect(looping.reason).toMatch(/exited with 7; restart \d+ in 0\.\d s/);
    expect(await run.service("other")).toMatchObject({ pid: other.pid, state: "ready", restarts: 0 });
    // Three pauses of less than the cap, and then the cap with its jitter: never again at once.
    const said = (await run.flow("logs", "flow", "--json")).stdout
      .split("\n")
      .map((line) => JSON.parse(line) as { time: string; line: string });
    const times = said.filter(({ line }) => line.includes("is crash-looping")).map(({ time }) => Date.parse(time));
    const gaps = times.slice(1).map((time, index) => time - (times[index] as number));
    expect(Math.min(...gaps)).toBeGreaterThan(50);
  });

  test("tells in the background what it wrote last, and where the rest is", async () => {
    const run = await runDirectory(
      `services:
  loop: {command: "for word in one two three four; do echo $word; done; exit 7", restart: {backoff: 10m, maxBackoff: 10m, attempts: 1}}
  silent: {command: "exit 3", restart: never}
`,
    );
    const { exitCode, stderr } = await run.flow("run", "-d");
    expect([3, 7]).toContain(exitCode);
    expect(stderr).toMatch(/loop │ two\n.*loop │ three\n.*loop │ four\n.*flow logs loop/);
    expect(stderr).not.toContain("loop │ one");
    expect(stderr).toContain("silent wrote nothing");
  });

  test("an attached run ends when all that is left crash-loops", async () => {
    const run = await runDirectory(
      `services:\n  loop: {command: "exit 7", restart: {backoff: 10ms, maxBackoff: 20ms, attempts: 3}}\n`,
    );
    const { exitCode, stdout } = await run.flow("run");
    expect(exitCode, stdout).toBe(7);
    expect(stdout).toContain("loop is crash-looping");
  });

  test("is back after a kill, as a new process", async () => {
    const run = await runDirectory(
      "services:\n  server: {command: [node, server.mjs], port: auto, restart: {backoff: 10ms}}\n",
      { files },
    );
    expect(await run.flow("run", "-d")).toMatchObject({ exitCode: 0 });
    const { pid, port } = await run.service("server");
    process.kill(pid as number, "SIGKILL");
    const back = await run.until("server", (status) => status.state === "ready" && status.pid !== pid);
    expect(back).toMatchObject({ restarts: 1, port });
    expect(await run.flow("wait")).toMatchObject({ exitCode: 0 });
  });

  test.each([
    ["never", "exit 3", { state: "failed", starts: 1 }],
    ["on-failure", "exit 0", { state: "completed", starts: 1 }],
    ["always", "exit 0", { state: "crash-looping", starts: 3 }],
  ])("restart: %s", async (policy, command, { state, starts }) => {
    const run = await runDirectory(
      `services:
  other: {command: "exec sleep 600"}
  one: {command: "echo x >> starts.txt; ${command}", restart: {policy: ${policy}, backoff: 10ms, maxBackoff: 20ms, attempts: 3}}
`,
    );
    await run.flow("run", "-d");
    await run.until("one", (status) => status.state === state && status.restarts >= starts - 1);
    if (state !== "crash-looping") expect((await run.service("one")).restarts).toBe(0);
  });
});

test("ready is not said of a service that dies within the second after", async () => {
  const run = await runDirectory(`services:\n  brief: {command: [node, brief.mjs], port: auto, restart: never}\n`, {
    files: {
      "brief.mjs": `${serverProgram}\nconst timer = setInterval(() => fetch("http://127.0.0.1:" + process.env.PORT).then(() => { clearInterval(timer); setTimeout(() => process.exit(5), 300); }, () => {}), 20);`,
    },
  });
  const { exitCode, stdout } = await run.flow("run");
  expect(exitCode, stdout).toBe(5);
  expect(stdout).toContain("brief ready on port");
  expect(stdout).not.toContain("everything is ready");
});

test("a service that stops answering within the second after it was ready is waited for again", async () => {
  const run = await runDirectory(`services:\n  shy: {command: [node, shy.mjs], ready: {http: /}}\n`, {
    files: {
      "shy.mjs": `import { createServer } from "node:http";
let asked = 0;
createServer((_, response) => { response.statusCode = ++asked > 1 && asked < 6 ? 503 : 200; response.end(); }).listen(Number(process.env.PORT), "127.0.0.1");`,
    },
  });
  const started = run.start("run");
  expect(await poll(() => started.said().includes("everything is ready"), { timeoutMs: patienceMs })).toBe(true);
  expect((await run.flow("logs", "flow")).stdout.match(/shy ready/g)).toHaveLength(2);
  started.kill("SIGINT");
  expect(await started.ended).toMatchObject({ exitCode: 130 });
});
