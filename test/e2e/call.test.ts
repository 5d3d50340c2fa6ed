import { execa } from "execa";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createConsul, type Consul } from "../../src/runtime/consul/index.ts";
import { realConsul, startRealConsul, type TestConsul } from "../support/consul.ts";
import { checkoutRoot } from "../support/context.ts";
import { testInstance } from "../support/edge.ts";
import { startEcho } from "../support/edge-processes.ts";
import { flow } from "../support/flow.ts";
import { tempDirectory } from "../support/temp.ts";

let agent: TestConsul;
let consul: Consul;

beforeAll(async () => {
  if (realConsul() === undefined) return;
  agent = await startRealConsul();
  consul = createConsul({ address: agent.address });
});
afterAll(() => agent?.stop());

async function call(args: readonly string[], options: { input?: string; env?: Record<string, string> } = {}) {
  const cwd = await tempDirectory();
  return await flow(args, {
    cwd,
    env: { FLOW_CONSUL_ADDR: agent.address, ...options.env },
    ...(options.input === undefined ? {} : { input: options.input }),
  });
}

describe.skipIf(realConsul() === undefined)("flow call and flow services", () => {
  it("find a service by its method, enabled or not, and print its answer", async () => {
    await startEcho(consul, { id: "echo-1" });
    const said = await call(["call", "/test.Echo/Say", '{"text":"hi","number":"9007199254740993"}']);
    expect(said).toMatchObject({ exitCode: 0, stderr: "" });
    expect(said.stdout).toBe('{\n  "text": "hi",\n  "number": "9007199254740993"\n}');
    expect(JSON.parse((await call(["call", "test.Echo.Join", '[{"text":"a"},{"text":"b"}]'])).stdout)).toEqual({
      text: "a b",
      number: "0",
    });
    expect(JSON.parse((await call(["call", "echo", "test.Echo/Say", "--json"])).stdout)).toEqual({
      text: "",
      number: "0",
    });
    const streamed = await call(["call", "test.Echo/Count", '{"to":2}']);
    expect(streamed.stdout).toBe('{"text":"","number":"1"}\n{"text":"","number":"2"}');
  });

  it("take the request from standard input: by name, from a file, from a shell's pipe", async () => {
    await startEcho(consul, { id: "echo-2" });
    const chat = await call(["call", "test.Echo/Chat", "-"], { input: '{"text":"a"}\n{"text":"b"}\n' });
    expect(chat.stdout).toBe('{"text":"A","number":"0"}\n{"text":"B","number":"0"}');
    const dir = await tempDirectory();
    await writeFile(join(dir, "request.json"), '{\n  "text": "file"\n}\n');
    const run = `"${process.execPath}" "${join(checkoutRoot, "src/cli/main.ts")}" call test.Echo/Say --json`;
    const shell = async (line: string) => {
      const env = { PATH: process.env.PATH ?? "", HOME: dir, FLOW_CONSUL_ADDR: agent.address };
      const { stdout } = await execa("sh", ["-c", line], { cwd: dir, env, extendEnv: false });
      return JSON.parse(stdout) as unknown;
    };
    expect(await shell(`${run} <request.json`)).toMatchObject({ text: "file" });
    expect(await shell(`echo '{"text":"pipe"}' | ${run}`)).toMatchObject({ text: "pipe" });
    expect(await shell(`${run} </dev/null`)).toMatchObject({ text: "" });
  });

  it("end when the call does, though standard input goes on", async () => {
    const { port } = await startEcho(consul, { id: "echo-open" });
    const command = ["call", "test.Echo/Chat", "-", "--timeout", "500ms", "--address", `127.0.0.1:${port}`];
    const run = execa(process.execPath, [join(checkoutRoot, "src/cli/main.ts"), ...command], {
      stdin: "pipe",
      reject: false,
    });
    run.stdin.write('{"text":"a"}\n');
    const { exitCode, stdout, stderr } = await run;
    expect({ exitCode, stdout }).toEqual({ exitCode: 124, stdout: '{"text":"A","number":"0"}' });
    expect(stderr).toContain("DEADLINE_EXCEEDED");
  });

  it("show a failed call with code, reason, fields, causes and the service's stack, and exit with 1", async () => {
    await startEcho(consul, { id: "echo-3" });
    const failed = await call(["call", "test.Echo/Say", '{"text":"fail"}']);
    expect(failed).toMatchObject({ exitCode: 1, stdout: "" });
    expect(failed.stderr).toMatch(/error: \/test\.Echo\/Say: NOT_FOUND: nothing to say \[FLOW_CALL_FAILED\]/);
    for (const part of ["reason: SILENCE", "fields: text=fail", "cause:  lost at 10.0.0.7", "echo-service.ts:"]) {
      expect(failed.stderr).toContain(part);
    }
    expect(failed.stderr).toMatch(/at failDeep \(.*echo-service\.ts:\d+\) +echo \/test\.Echo\/Say/);
    const asJson = await call(["call", "test.Echo/Say", '{"text":"fail"}', "--json"]);
    expect(JSON.parse(asJson.stderr)).toMatchObject({
      error: {
        code: "FLOW_CALL_FAILED",
        exitCode: 1,
        details: { code: 5, status: "NOT_FOUND", reason: "SILENCE", fields: { text: "fail" } },
      },
    });
    expect((await call(["call", "test.Echo/Private", "{}"])).exitCode).toBe(0);
  });

  it("tell what cannot be called apart by exit code: no method 2, nobody there 5, too late 124", async () => {
    const { port } = await startEcho(consul, { id: "echo-4" });
    const typo = await call(["call", "test.Echo/Sai"]);
    expect(typo).toMatchObject({
      exitCode: 2,
      stderr: expect.stringMatching(/no service here has[^]*did you mean \/test\.Echo\/Say\?/),
    });
    const short = await call(["call", "echo.say"]);
    expect(short.stderr).toContain("did you mean /test.Echo/Say?");
    expect(await call(["call", "ecko", "test.Echo/Say"])).toMatchObject({
      exitCode: 5,
      stderr: expect.stringContaining("did you mean echo?"),
    });
    expect(await call(["call", "test.Echo/Say", "--address", "127.0.0.1:9"])).toMatchObject({ exitCode: 5 });
    expect(await call(["call", "test.Echo/Say", "--consul", "127.0.0.1:9"])).toMatchObject({
      exitCode: 5,
      stderr: expect.stringContaining("FLOW_CONSUL_UNREACHABLE"),
    });
    expect(await call(["call", "test.Echo/Say", '{"number":"20000"}', "--timeout", "300ms"])).toMatchObject({
      exitCode: 124,
    });
    expect(await call(["call", "test.Echo/Say", "{bad"])).toMatchObject({ exitCode: 2 });
    expect(await call(["call", "test.Echo/Say", '{"txt":"x"}'])).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining("txt"),
    });
    expect(await call(["call"])).toMatchObject({ exitCode: 2 });
    const none = await call(["call", "test.Echo/Say"], { env: { FLOW_CONSUL_ADDR: "" } });
    expect(none).toMatchObject({ exitCode: 1, stderr: expect.stringContaining("FLOW_RUN_NONE") });
    const direct = await call(["call", "test.Echo/Say", '{"text":"x"}', "--address", `127.0.0.1:${port}`], {
      env: { FLOW_CONSUL_ADDR: "" },
    });
    expect(direct.exitCode).toBe(0);
  });

  it("send metadata with the call, several pairs before or after the words", async () => {
    await startEcho(consul, { id: "echo-5" });
    const trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    const failed = await call([
      "call",
      "-H",
      `traceparent=${trace}`,
      "--header",
      "x-one=1",
      "test.Echo/Say",
      '{"text":"hi"}',
    ]);
    expect(failed.exitCode).toBe(0);
    expect((await call(["call", "test.Echo/Say", "--header", "broken"])).exitCode).toBe(2);
  });

  it("list services with instances, health, methods, options and paths", async () => {
    await startEcho(consul, { service: "listed", id: "listed-1" });
    await testInstance(consul, { service: "listed-plain", id: "plain-1", tags: ["flow.http=/plain"] });
    await consul.register({
      id: "sick-1",
      name: "listed-sick",
      address: "127.0.0.1",
      port: 9,
      tags: ["flow.method=/a.B/C;enable"],
      check: { ttl: "60s" },
    });
    const { stdout, exitCode } = await call(["services", "--json"]);
    expect(exitCode).toBe(0);
    const { services } = JSON.parse(stdout) as { services: { name: string }[] };
    const named = (name: string) => services.find((service) => service.name === name);
    expect(named("consul")).toBeUndefined();
    expect(named("listed")).toMatchObject({
      description: "says what it hears",
      passing: 1,
      instances: [{ id: "listed-1", status: "passing", address: expect.stringMatching(/^127\.0\.0\.1:\d+$/) }],
      methods: expect.arrayContaining([
        { path: "/test.Echo/Say", kind: "unary", enable: true, public: true, upload: false, idempotent: true },
        {
          path: "/test.Echo/Join",
          kind: "client_streaming",
          enable: false,
          public: false,
          upload: false,
          idempotent: false,
        },
      ]),
    });
    expect(named("listed-plain")).toMatchObject({ prefixes: ["/plain"], methods: [] });
    expect(named("listed-sick")).toMatchObject({ passing: 0, methods: [{ path: "/a.B/C", enable: true }] });
    const people = (await call(["services"])).stdout;
    expect(people).toMatch(/listed +1\/1 passing +says what it hears/);
    expect(people).toContain("/test.Echo/Say   web API, public");
    expect(people).not.toContain("\u001b");
    await consul.deregister("sick-1");
  });
});
