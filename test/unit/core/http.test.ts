import { createHash } from "node:crypto";
import { readFile, readdir } from "node:fs/promises";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { download, fetchText } from "../../../src/core/http.ts";
import { testContext } from "../../support/context.ts";
import { tempDirectory } from "../../support/temp.ts";

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const body = Buffer.alloc(300_000, "flow");

test("a download that fits its hash is there whole", async () => {
  const dir = await tempDirectory();
  const url = await serve((_request, response) => response.end(body));
  await download(testContext(dir), url, join(dir, "file"), { sha256: createHash("sha256").update(body).digest("hex") });
  expect(await readFile(join(dir, "file"))).toEqual(body);
});

test("a wrong hash is final, named, and leaves nothing", async () => {
  const dir = await tempDirectory();
  let requests = 0;
  const url = await serve((_request, response) => {
    requests++;
    response.end(body);
  });
  await expect(download(testContext(dir), url, join(dir, "file"), { sha256: "00" })).rejects.toMatchObject({
    code: "FLOW_HTTP_FAILED",
    message: expect.stringContaining("expected 00"),
  });
  expect(requests).toBe(1);
  expect(await readdir(dir)).toEqual([]);
});

test("a transfer that breaks off is tried again", async () => {
  const dir = await tempDirectory();
  let requests = 0;
  const url = await serve((_request, response) => {
    response.setHeader("content-length", body.length);
    if (++requests === 1) response.write(body.subarray(0, 1_000), () => response.destroy());
    else response.end(body);
  });
  await download(testContext(dir), url, join(dir, "file"));
  expect(requests).toBe(2);
  expect((await readFile(join(dir, "file"))).length).toBe(body.length);
});

test("a server that accepts and never answers ends in a timeout that says what to check", async () => {
  const dir = await tempDirectory();
  const url = await serve(() => {});
  await expect(fetchText(testContext(dir), url, { idleTimeoutMs: 100, attempts: 1 })).rejects.toMatchObject({
    code: "FLOW_TIMEOUT",
    hint: expect.stringContaining("HTTPS_PROXY"),
  });
});

test("a 404 is not tried again; a refused connection names the reason", async () => {
  const dir = await tempDirectory();
  let requests = 0;
  const url = await serve((_request, response) => {
    requests++;
    response.writeHead(404).end();
  });
  await expect(fetchText(testContext(dir), `${url}/x`)).rejects.toThrow("answered 404 Not Found");
  expect(requests).toBe(1);
  await expect(fetchText(testContext(dir), "http://127.0.0.1:1/", { attempts: 1 })).rejects.toMatchObject({
    code: "FLOW_HTTP_FAILED",
  });
});
