import { once } from "node:events";
import { connect, createServer, type Http2Server } from "node:http2";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { ErrorCode } from "../../../src/http2/index.ts";
import { connectHttp2, request } from "../../support/http2-client.ts";
import { echo, serveHttp2 } from "../../support/http2-server.ts";

async function nodeServer(): Promise<{ server: Http2Server; port: number }> {
  const server = createServer();
  server.on("stream", (stream, headers) => {
    stream.additionalHeaders({ ":status": 103, link: "</a>" });
    stream.respond({ ":status": 200, "x-path": headers[":path"] ?? "" }, { waitForTrailers: true });
    stream.on("wantTrailers", () => stream.sendTrailers({ "x-done": "yes" }));
    stream.pipe(stream);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  return { server, port: (server.address() as AddressInfo).port };
}

test("node:http2 as client: headers in changing tables, bodies, trailers", async () => {
  const seen: string[] = [];
  const server = await serveHttp2({}, (stream, end, fields) => {
    seen.push(...fields.filter(({ name }) => name.startsWith("x-")).map(({ name, value }) => `${name}=${value}`));
    return echo(stream, end);
  });
  onTestFinished(() => server.close());
  const client = connect(`http://127.0.0.1:${server.port}`);
  onTestFinished(() => client.destroy());
  for (let round = 0; round < 50; round++) {
    const call = client.request({ ":path": `/${round}`, [`x-${round % 7}`]: `value ${round % 5}` });
    const trailers = once(call, "trailers");
    call.resume();
    expect(((await trailers) as [Record<string, unknown>])[0]["x-done"]).toBe("yes");
  }
  expect(seen).toEqual(Array.from({ length: 50 }, (_, round) => `x-${round % 7}=value ${round % 5}`));
});

test("node:http2 as server: informational responses, large bodies both ways, trailers, many streams at once", async () => {
  const { port } = await nodeServer();
  const { connection } = await connectHttp2(port);
  onTestFinished(() => connection.close());
  const body = Buffer.alloc(3_000_000, "body ");
  const answers = await Promise.all(
    Array.from({ length: 20 }, (_, index) => request(connection, { body, fields: { ":path": `/${index}` } })),
  );
  for (const [index, answer] of answers.entries()) {
    expect(answer).toMatchObject({
      informational: [{ ":status": "103" }],
      headers: { ":status": "200", "x-path": `/${index}` },
      trailers: { "x-done": "yes" },
      end: { code: ErrorCode.NoError },
    });
    expect(answer.body.equals(body)).toBe(true);
  }
});

test("both roles ours: bytes split anywhere, windows of one byte to many", async () => {
  for (const limits of [{ initialWindowBytes: 1 }, { initialWindowBytes: 1_000_000 }, { maxFrameBytes: 100_000 }]) {
    const server = await serveHttp2(limits);
    const { connection } = await connectHttp2(server.port, { ...limits, idleFrameBurst: 1_000_000 });
    const body = Buffer.from(Array.from({ length: limits.initialWindowBytes === 1 ? 300 : 400_000 }, (_, i) => i));
    const answers = await Promise.all(Array.from({ length: 5 }, () => request(connection, { body })));
    for (const answer of answers) expect(answer.body.equals(body)).toBe(true);
    connection.close();
    await server.close();
  }
});

test("graceful GOAWAY: a stream that began is answered, none can begin, the connection closes with the last", async () => {
  const release = Promise.withResolvers<void>();
  const server = await serveHttp2({}, (stream) => {
    void release.promise.then(() => echo(stream, true));
    return { headers: () => {}, data: () => {}, writable: () => {}, closed: () => {} };
  });
  onTestFinished(() => server.close());
  const { connection, ended } = await connectHttp2(server.port);
  const answer = request(connection);
  await expect.poll(() => [...server.connections][0]?.streams.size).toBe(1);
  for (const one of server.connections) one.drain("bye");
  await expect.poll(() => connection.goAway).toMatchObject({ code: ErrorCode.NoError, debug: "bye" });
  expect(connection.canOpen).toBe(false);
  release.resolve();
  expect((await answer).body.toString()).toBe("hello");
  await ended;
});
