import { execa } from "execa";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { describe, expect, onTestFinished, test } from "vitest";
import { transportNames } from "../../src/runtime/index.ts";
import { createAuthority } from "../support/certificates.ts";
import { checkoutRoot } from "../support/context.ts";

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

test("a transport that does not exist is refused with those that do", async () => {
  const failed = await execa(process.execPath, [join(checkoutRoot, "test/fixtures/edge/echo-service.ts")], {
    env: { FLOW_TRANSPORT: "nativ" },
    reject: false,
  });
  expect(failed.exitCode).toBe(1);
  expect(failed.stderr).toContain('there is no transport "nativ" (FLOW_TRANSPORT); there is: grpc-js, native');
});
