import { execa } from "execa";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { describe, expect, onTestFinished, test } from "vitest";
import { ErrorCode } from "../../src/http2/index.ts";
import { connectHttp2, request } from "../support/http2-client.ts";
import { serveHttp2 } from "../support/http2-server.ts";

const goPeer = process.env.FLOW_TEST_GO_PEER;
if (process.env.CI === "true" && goPeer === undefined)
  throw new Error("CI needs test/support/go-peer: FLOW_TEST_GO_PEER");

describe.skipIf(goPeer === undefined)("Go's net/http (FLOW_TEST_GO_PEER)", () => {
  test("as client: bodies from nothing to megabytes come back, a hundred at once on one connection", async () => {
    const server = await serveHttp2();
    onTestFinished(() => server.close());
    const url = `http://127.0.0.1:${server.port}/`;
    for (const [count, bytes] of [
      [100, 1],
      [100, 5_000],
      [5, 3_000_000],
    ] as const)
      expect((await execa(goPeer as string, ["post", url, String(count), String(bytes)])).stdout).toBe(
        `${count} answers`,
      );
  });

  test("as server: informational responses, bodies both ways, trailers, a hundred streams at once", async () => {
    const child = execa(goPeer as string, ["serve"], { stdin: "pipe", reject: false });
    onTestFinished(async () => {
      child.stdin.end();
      await child;
    });
    const [port] = (await once(createInterface(child.stdout), "line")) as [string];
    const { connection, ended } = await connectHttp2(Number(port));
    const body = Buffer.alloc(200_000, "body ");
    const answers = await Promise.all(
      Array.from({ length: 100 }, (_, index) => request(connection, index % 10 === 0 ? { body } : {})),
    );
    for (const [index, answer] of answers.entries()) {
      expect(answer).toMatchObject({
        informational: [{ ":status": "103", link: "</a>" }],
        headers: { ":status": "200", "x-proto": "HTTP/2.0" },
        trailers: { "x-done": "yes" },
        end: { code: ErrorCode.NoError },
      });
      expect(answer.body.equals(index % 10 === 0 ? body : Buffer.from("hello"))).toBe(true);
    }
    connection.drain();
    await ended;
  });
});
