import { execa } from "execa";
import { expect, onTestFinished, test } from "vitest";
import { serveHttp2 } from "../support/http2-server.ts";

const ci = process.env.CI === "true";
const h2spec = process.env.FLOW_TEST_H2SPEC;
if (h2spec === undefined && ci) throw new Error("CI needs h2spec: FLOW_TEST_H2SPEC");

test.skipIf(h2spec === undefined)("h2spec passes completely in strict mode (FLOW_TEST_H2SPEC)", async () => {
  const server = await serveHttp2();
  onTestFinished(() => server.close());
  const { stdout } = await execa(
    h2spec as string,
    ["--strict", "-h", "127.0.0.1", "-p", String(server.port), "-o", "5"],
    { reject: false },
  );
  const [, total, passed] = /(\d+) tests, (\d+) passed, 0 skipped, 0 failed/.exec(stdout) ?? [undefined, stdout, ""];
  expect(passed).toBe(total);
  expect(Number(total)).toBeGreaterThan(140);
});

const nghttp = await execa("nghttp", ["--version"], { reject: false });
if (nghttp.failed && ci) throw new Error("CI needs nghttp and h2load (nghttp2-client)");

test.skipIf(nghttp.failed)("nghttp, h2load and curl get their answers", async () => {
  const server = await serveHttp2();
  onTestFinished(() => server.close());
  const url = `http://127.0.0.1:${server.port}/`;
  expect((await execa("nghttp", [url])).stdout).toBe("hello");
  const load = await execa("h2load", ["-n", "5000", "-c", "4", "-m", "20", url]);
  expect(load.stdout).toContain("5000 succeeded, 0 failed, 0 errored");
  const body = "x".repeat(500_000);
  const curl = await execa("curl", ["-sS", "--http2-prior-knowledge", "--data-binary", "@-", url], { input: body });
  expect(curl.stdout).toBe(body);
});
