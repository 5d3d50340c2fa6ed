import { execa } from "execa";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { describe, expect, onTestFinished, test } from "vitest";
import { createConsul } from "../../src/runtime/consul/index.ts";
import { transportNames } from "../../src/runtime/index.ts";
import { createAuthority } from "../support/certificates.ts";
import { realConsul, startRealConsul } from "../support/consul.ts";
import { checkoutRoot } from "../support/context.ts";
import { flow } from "../support/flow.ts";
import { tempDirectory } from "../support/temp.ts";

const grpcurl = process.env.FLOW_TEST_GRPCURL;
if (process.env.CI === "true" && grpcurl === undefined) throw new Error("CI needs grpcurl: FLOW_TEST_GRPCURL");

interface Serving {
  address: string;
  transport: string;
}

/** A service as a process of its own, and the first line of its log. */
async function start(env: Record<string, string>): Promise<Serving> {
  const child = spawn(process.execPath, [join(checkoutRoot, "test/fixtures/edge/echo-service.ts")], {
    env: { PATH: process.env.PATH, FLOW_LOG_FORMAT: "json", ...env },
    stdio: ["ignore", "ignore", "pipe"],
  });
  onTestFinished(async () => {
    child.kill();
    await once(child, "exit");
  });
  const [line] = (await once(createInterface(child.stderr), "line")) as [string];
  return JSON.parse(line) as Serving;
}

describe.each(transportNames)("a service on %s", (transport) => {
  test("says so in the first line of its log, and answers grpcurl and curl on one port", async () => {
    const { address, transport: said } = await start({ FLOW_TRANSPORT: transport });
    expect(said).toBe(transport);
    const curl = await execa("curl", ["-sS", "-d", '{"text":"hi"}', `http://${address}/api/test.Echo/Say`]);
    expect(JSON.parse(curl.stdout)).toMatchObject({ text: "hi" });
    if (grpcurl === undefined) return;
    const { stdout } = await execa(grpcurl, ["-plaintext", "-d", '{"text":"hi"}', address, "test.Echo/Say"]);
    expect(JSON.parse(stdout)).toEqual({ text: "hi" });
    const stream = await execa(grpcurl, ["-plaintext", "-d", '{"text":"a"}{"text":"b"}', address, "test.Echo/Chat"]);
    expect(stream.stdout.match(/"text": "\w"/g)).toEqual(['"text": "A"', '"text": "B"']);
  });

  test("does so with TLS, too", async () => {
    const { ca, issue } = await createAuthority();
    const { cert, key } = await issue("IP:127.0.0.1");
    const { address } = await start({ FLOW_TRANSPORT: transport, FLOW_TLS_CERT: cert, FLOW_TLS_KEY: key });
    const url = `https://${address}/api/test.Echo/Say`;
    // With HTTP/2 by ALPN, native asks curl to come again with HTTP/1.1.
    const version = transport === "native" ? [] : ["--http1.1"];
    const curl = await execa("curl", ["-sS", ...version, "--cacert", ca, "-d", '{"text":"hi"}', url]);
    expect(JSON.parse(curl.stdout)).toMatchObject({ text: "hi" });
    if (grpcurl === undefined) return;
    const { stdout } = await execa(grpcurl, ["-cacert", ca, "-d", '{"text":"hi"}', address, "test.Echo/Say"]);
    expect(JSON.parse(stdout)).toEqual({ text: "hi" });
  });
});

test.skipIf(realConsul() === undefined)("Consul checks a service with TLS, and flow calls it", async () => {
  const agent = await startRealConsul();
  onTestFinished(() => agent.stop());
  const consul = createConsul({ address: agent.address });
  const { ca, issue } = await createAuthority();
  const { cert, key } = await issue("DNS:echo.flow.test");
  const env = { FLOW_CONSUL_ADDR: agent.address, FLOW_TRANSPORT: "native" };
  await start({ ...env, FLOW_SERVICE: "echo", FLOW_TLS_CERT: cert, FLOW_TLS_KEY: key });
  // Registered as passing; what the check found out is told by its output.
  await expect.poll(async () => (await checkOutputs(agent.address)).join(), { timeout: 20_000 }).toContain("success");
  expect(await consul.health("echo", { passing: true })).toHaveLength(1);
  const secure = { ...env, FLOW_TLS_CA: ca, FLOW_TLS_NAME: "echo.flow.test" };
  const args = ["call", "test.Echo/Say", '{"text":"hi"}', "--json"];
  const cwd = await tempDirectory();
  expect(JSON.parse((await flow(args, { cwd, env: secure })).stdout)).toMatchObject({ text: "hi" });
  const plain = await flow(args, { cwd, env });
  expect(plain.exitCode).not.toBe(0);
  expect(plain.stderr).toContain("this port speaks TLS");
});

async function checkOutputs(address: string): Promise<string[]> {
  const checks = (await (await fetch(`http://${address}/v1/agent/checks`)).json()) as Record<
    string,
    { Output: string }
  >;
  return Object.values(checks).map(({ Output }) => Output);
}

test("a transport that does not exist is refused with those that do", async () => {
  const failed = await execa(process.execPath, [join(checkoutRoot, "test/fixtures/edge/echo-service.ts")], {
    env: { FLOW_TRANSPORT: "nativ" },
    reject: false,
  });
  expect(failed.exitCode).toBe(1);
  expect(failed.stderr).toContain('there is no transport "nativ" (FLOW_TRANSPORT); there is: grpc-js, native');
});
