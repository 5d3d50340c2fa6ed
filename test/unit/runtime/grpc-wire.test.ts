import type { AddressInfo, Socket } from "node:net";
import { gunzipSync, gzipSync } from "node:zlib";
import { describe, expect, onTestFinished, test } from "vitest";
import { ErrorCode, HeaderField, type Stream } from "../../../src/http2/index.ts";
import { Code } from "../../../src/runtime/index.ts";
import { sharePort } from "../../../src/runtime/internal/server/shared-port.ts";
import {
  selectTransport,
  type ConnectOptions,
  type Headers,
  type ListenOptions,
  type ServerCall,
} from "../../../src/runtime/internal/transport/index.ts";
import { connectHttp2, request, type Answer } from "../../support/http2-client.ts";
import { serveHttp2 } from "../../support/http2-server.ts";

/** gRPC over HTTP/2 (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md), byte for byte, on native. */

const unary = { path: "/test.Wire/Unary", kind: "unary" } as const;
const echo = { path: "/test.Wire/Echo", kind: "bidi_streaming" } as const;
const native = selectTransport("native");

function message(body: string | Buffer, flag = 0): Buffer {
  const bytes = Buffer.from(body);
  const head = Buffer.of(flag, 0, 0, 0, 0);
  head.writeUInt32BE(bytes.length, 1);
  return Buffer.concat([head, bytes]);
}

/** A server whose calls are remembered, and answered with what they brought. */
async function serve(options: Partial<ListenOptions> = {}) {
  const calls: ServerCall[] = [];
  const listener = native.listen({ methods: [unary, echo], maxMessageBytes: 100_000, ...options }, (call) => {
    calls.push(call);
    void (async () => {
      for await (const bytes of call.messages) await call.write(bytes);
      call.finish({ code: Code.Ok, message: "" }, []);
    })();
  });
  const http2 = (socket: Socket) => listener.accept(socket);
  const port = sharePort({ http2, http1: (socket) => void socket.destroy() });
  await new Promise<void>((resolve) => port.listen(0, "127.0.0.1", resolve));
  const { connection } = await connectHttp2((port.address() as AddressInfo).port);
  onTestFinished(() => {
    connection.close();
    listener.close();
    port.close();
  });
  const post = (body: Buffer, fields: Record<string, string> = {}, path: string = unary.path) =>
    request(connection, {
      body,
      fields: { ":path": path, "content-type": "application/grpc", te: "trailers", ...fields },
    });
  return { calls, connection, post };
}

const statusOf = ({ headers, trailers }: Answer) => Number(trailers["grpc-status"] ?? headers["grpc-status"]);

describe("a server", () => {
  test("takes messages however DATA cuts them, and several in one", async () => {
    const { connection } = await serve();
    const sent = Buffer.concat(["", "a", "b".repeat(300)].map((body) => message(body)));
    const fields = {
      ":method": "POST",
      ":scheme": "http",
      ":authority": "test",
      ":path": echo.path,
      "content-type": "application/grpc",
    };
    const list = Object.entries(fields).map(([name, value]) => new HeaderField(name, value));
    for (const step of [1, 2, 7, sent.length]) {
      const came: Buffer[] = [];
      const { promise, resolve } = Promise.withResolvers<void>();
      const stream: Stream = connection.open(list, {
        headers: () => {},
        data: (chunk) => {
          came.push(Buffer.from(chunk));
          stream.consume(chunk.length);
        },
        writable: () => {},
        closed: () => resolve(),
      });
      for (let at = 0; at < sent.length; at += step)
        stream.write(sent.subarray(at, at + step), at + step >= sent.length);
      await promise;
      expect(Buffer.concat(came).equals(sent)).toBe(true);
    }
  });

  test("answers in gzip only who takes it, and only what is large", async () => {
    const { post } = await serve({ gzipFromBytes: 100 });
    const large = "large ".repeat(100);
    const packed = await post(message(gzipSync(large), 1), {
      "grpc-encoding": "gzip",
      "grpc-accept-encoding": "identity, gzip",
    });
    expect(packed.headers["grpc-encoding"]).toBe("gzip");
    expect(packed.body[0]).toBe(1);
    expect(gunzipSync(packed.body.subarray(5)).toString()).toBe(large);
    const small = await post(message("small"), { "grpc-accept-encoding": "gzip" });
    expect(small.body.equals(message("small"))).toBe(true);
    const plain = await post(message(large), { "grpc-accept-encoding": "deflate" });
    expect(plain.headers).not.toHaveProperty("grpc-encoding");
    expect(plain.body.equals(message(large))).toBe(true);
  });

  test("refuses what it cannot unpack: an encoding it does not know, a mark without one, no gzip, a bomb", async () => {
    const { post } = await serve();
    const unknown = await post(message("x", 1), { "grpc-encoding": "snappy" });
    expect(statusOf(unknown)).toBe(Code.Unimplemented);
    expect(unknown.headers["grpc-accept-encoding"]).toBe("identity,gzip");
    expect(statusOf(await post(message("x", 1)))).toBe(Code.Internal);
    expect(statusOf(await post(message("x", 2)))).toBe(Code.Internal);
    const bomb = gzipSync(Buffer.alloc(100_001));
    for (const path of [unary.path, echo.path]) {
      expect(statusOf(await post(message("no gzip", 1), { "grpc-encoding": "gzip" }, path))).toBe(Code.Internal);
      expect(statusOf(await post(message(bomb, 1), { "grpc-encoding": "gzip" }, path))).toBe(Code.ResourceExhausted);
    }
  });

  test("keeps compressed messages compressed until they are read", async () => {
    const read = Promise.withResolvers<void>();
    const listener = native.listen({ methods: [echo] }, (call) => {
      void read.promise.then(async () => {
        let bytes = 0;
        for await (const { length } of call.messages) bytes += length;
        call.finish({ code: Code.Aborted, message: String(bytes) }, []);
      });
    });
    const port = sharePort({ http2: (socket) => listener.accept(socket), http1: () => {} });
    await new Promise<void>((resolve) => port.listen(0, "127.0.0.1", resolve));
    const { connection } = await connectHttp2((port.address() as AddressInfo).port);
    onTestFinished(() => {
      connection.close();
      listener.close();
      port.close();
    });
    const packed = gzipSync(Buffer.alloc(10_000_000));
    const body = Buffer.concat(Array.from({ length: 6 }, () => message(packed, 1)));
    const before = process.memoryUsage().arrayBuffers;
    const answer = request(connection, {
      body,
      fields: { ":path": echo.path, "content-type": "application/grpc", "grpc-encoding": "gzip" },
    });
    await expect.poll(() => connection.pending).toBe(0);
    await new Promise<void>((resolve) => connection.ping(resolve));
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(10_000_000);
    read.resolve();
    expect((await answer).trailers["grpc-message"] ?? (await answer).headers["grpc-message"]).toBe("60000000");
  });

  test.each([
    ["99999999H", 99_999_999 * 3_600_000], ["2H", 7_200_000], ["3M", 180_000], ["90S", 90_000],
    ["60000m", 60_000], ["90000000u", 90_000], ["99999999n", 100],
  ])("takes the grpc-timeout %s", async (timeout, ms) => {
    const { calls, post } = await serve();
    const before = Date.now();
    await post(message("x"), { "grpc-timeout": timeout });
    const deadline = calls[0]?.deadline as number;
    expect(deadline).toBeGreaterThanOrEqual(before + Math.floor(ms));
    expect(deadline).toBeLessThanOrEqual(Date.now() + Math.ceil(ms));
  }); // prettier-ignore

  test.each(["", "1", "m", "123456789m", "-1m", "1.5S", "1h", "1 m"])(
    "refuses the grpc-timeout %j",
    async (timeout) => {
      const { calls, post } = await serve();
      const answer = await post(message("x"), { "grpc-timeout": timeout });
      expect(statusOf(answer)).toBe(Code.Internal);
      expect(decodeURIComponent(answer.headers["grpc-message"] as string)).toContain("malformed");
      expect(calls).toEqual([]);
    },
  );

  test.each([
    ["application/grpc", "200"], ["application/grpc+proto", "200"], ["application/grpc;charset=utf-8", "200"],
    ["application/grpc+json", "200"], ["application/grpc-web", "415"], ["application/json", "415"], ["text/plain", "415"],
  ])("answers content-type %s with HTTP %s", async (type, status) => {
    const { post } = await serve();
    expect((await post(message("x"), { "content-type": type })).headers[":status"]).toBe(status);
  }); // prettier-ignore

  test("answers another method than POST with 405", async () => {
    const { post } = await serve();
    expect((await post(message("x"), { ":method": "PUT" })).headers[":status"]).toBe("405");
  });

  test("gives binary metadata as bytes: padded, not padded, joined by commas; and duplicates in their order", async () => {
    const { calls, post } = await serve();
    const bytes = [Buffer.from([0]), Buffer.from([255, 254, 253, 252]), Buffer.from("abc")];
    const texts = [
      bytes[0]?.toString("base64"),
      bytes[1]?.toString("base64").replace(/=+$/, ""),
      bytes[2]?.toString("base64"),
    ];
    await post(message("x"), { "x-a-bin": texts.join(", "), "x-b": "1, 2", "x-b-bin": "" });
    const { headers } = calls[0] as ServerCall;
    const values = (name: string) => headers.filter(([other]) => other === name).map(([, value]) => value);
    expect(values("x-a-bin").map((value) => Buffer.from(value as Uint8Array))).toEqual(bytes);
    expect(values("x-b")).toEqual(["1, 2"]);
    expect(values("x-b-bin")).toEqual([Buffer.alloc(0)]);
    expect(headers.map(([name]) => name)).not.toContain("te");
  });

  test("answers before the request is over, and then wants no more of it", async () => {
    const listener = native.listen({ methods: [echo] }, (call) =>
      call.finish({ code: Code.Aborted, message: "no" }, []),
    );
    const port = sharePort({ http2: (socket) => listener.accept(socket), http1: () => {} });
    await new Promise<void>((resolve) => port.listen(0, "127.0.0.1", resolve));
    const { connection } = await connectHttp2((port.address() as AddressInfo).port);
    onTestFinished(() => {
      connection.close();
      listener.close();
      port.close();
    });
    const kinds: string[] = [];
    const { promise, resolve } = Promise.withResolvers<number>();
    const fields = {
      ":method": "POST",
      ":scheme": "http",
      ":authority": "test",
      ":path": echo.path,
      "content-type": "application/grpc",
    };
    connection.open(
      Object.entries(fields).map(([name, value]) => new HeaderField(name, value)),
      {
        headers: (list, end, kind) => kinds.push(`${kind} ${end} ${list.map(({ name }) => name).join(" ")}`),
        data: () => {},
        writable: () => {},
        closed: ({ code }) => resolve(code),
      },
    );
    expect(await promise).toBe(ErrorCode.NoError);
    expect(kinds).toEqual(["headers true :status content-type grpc-status grpc-message"]);
  });
});

/** A client of ours at a server that answers as the test says. */
async function callAt(
  answer: (stream: Stream, fields: Record<string, string>) => void,
  { headers = [], ...options }: ConnectOptions & { headers?: Headers; body?: Buffer } = {},
) {
  const requests: Record<string, string>[] = [];
  const server = await serveHttp2({}, (stream, end, fields) => {
    const request = Object.fromEntries(fields.map(({ name, value }) => [name, value]));
    const body: Buffer[] = [];
    const over = () => {
      requests.push({ ...request, body: Buffer.concat(body).toString("latin1") });
      answer(stream, request);
    };
    if (end) over();
    return {
      headers: () => {},
      data: (chunk, end) => {
        body.push(Buffer.from(chunk));
        stream.consume(chunk.length);
        if (end) over();
      },
      writable: () => {},
      closed: () => {},
    };
  });
  const connection = native.connect({ host: "127.0.0.1", port: server.port }, options);
  onTestFinished(async () => {
    connection.close();
    await server.close();
  });
  const call = (body = options.body ?? Buffer.from("x")) =>
    connection.unary(unary, headers, body, { deadline: Date.now() + 20_000 });
  return { outcome: await call(), requests, again: call };
}

const fieldsOf = (fields: Record<string, string>) =>
  Object.entries(fields).map(([name, value]) => new HeaderField(name, value));
const begun = { ":status": "200", "content-type": "application/grpc" };

/** An answer with a message and these trailers. */
const answering = (trailers: Record<string, string>) => (stream: Stream) => {
  stream.sendHeaders(fieldsOf(begun));
  stream.write(message("answer"));
  stream.sendHeaders(fieldsOf(trailers), true);
};

describe("a client", () => {
  test("says what gRPC asks for, and nothing reserved that its user added", async () => {
    const headers: Headers = [
      ["x-two", "a"], ["X-Two", "b"], ["x-some-bin", Buffer.from([255])],
      ["grpc-x", "1"], ["Grpc-Timeout", "1n"], ["TE", "gzip"], ["content-type", "text/html"], [":path", "/other"],
    ]; // prettier-ignore
    const { outcome, requests } = await callAt(answering({ "grpc-status": "0" }), { headers });
    expect(outcome).toMatchObject({ code: Code.Ok, response: Buffer.from("answer") });
    expect(requests[0]).toMatchObject({
      ":method": "POST", ":scheme": "http", ":path": unary.path, te: "trailers", "content-type": "application/grpc+proto",
      "grpc-accept-encoding": "identity,gzip", "x-two": "b", "x-some-bin": "/w", "user-agent": expect.stringContaining("flow"),
      "grpc-timeout": expect.stringMatching(/^\d{1,8}m$/),
    }); // prettier-ignore
    expect(requests[0]).not.toHaveProperty("grpc-x");
  });

  test.each([[["bad name", "v"]], [["x-text", "größer"]], [["", "v"]], [["x-line", "a\nb"]], [["upgrade", "h2c"]]])(
    "refuses the metadata %j",
    async (header) => {
      const headers = [header] as unknown as Headers;
      const { outcome, requests } = await callAt(answering({ "grpc-status": "0" }), { headers });
      expect(outcome.code).toBe(Code.Internal);
      expect(requests).toEqual([]);
    },
  );

  test.each([
    ["plain", "plain"], ["100%25", "100%"], ["gr%C3%B6%C3%9Fer", "größer"], ["%F0%9F%98%88%0A", "😈\n"],
    ["100%", "100%"], ["%zz%4", "%zz%4"], ["%c3%b6", "ö"],
  ])("reads the grpc-message %s", async (text, expected) => {
    const { outcome } = await callAt(answering({ "grpc-status": "10", "grpc-message": text }));
    expect(outcome).toMatchObject({ code: Code.Aborted, message: expected });
  }); // prettier-ignore

  test("takes a status without an answer from trailers alone", async () => {
    const only = { ...begun, "grpc-status": "5", "grpc-message": "none", "x-why": "because" };
    const { outcome } = await callAt((stream) => stream.sendHeaders(fieldsOf(only), true));
    expect(outcome).toMatchObject({ code: Code.NotFound, message: "none", trailers: [["x-why", "because"]] });
  });

  test.each([
    ["400", Code.Internal], ["401", Code.Unauthenticated], ["403", Code.PermissionDenied], ["404", Code.Unimplemented],
    ["429", Code.Unavailable], ["502", Code.Unavailable], ["503", Code.Unavailable], ["504", Code.Unavailable],
    ["418", Code.Unknown], ["200", Code.Unknown],
  ])("takes HTTP %s without gRPC for status %i", async (status, code) => {
    const html = { ":status": status, "content-type": "text/html" };
    const { outcome } = await callAt((stream) => stream.sendHeaders(fieldsOf(html), true));
    expect(outcome.code).toBe(code);
    expect(outcome.message).toContain(`HTTP ${status}`);
  }); // prettier-ignore

  test.each([
    [ErrorCode.NoError, Code.Internal], [ErrorCode.ProtocolError, Code.Internal], [ErrorCode.InternalError, Code.Internal],
    [ErrorCode.FlowControlError, Code.Internal], [ErrorCode.FrameSizeError, Code.Internal],
    [ErrorCode.CompressionError, Code.Internal], [ErrorCode.ConnectError, Code.Internal],
    [ErrorCode.RefusedStream, Code.Unavailable], [ErrorCode.Cancel, Code.Cancelled],
    [ErrorCode.EnhanceYourCalm, Code.ResourceExhausted], [ErrorCode.InadequateSecurity, Code.PermissionDenied],
  ])("takes RST_STREAM %i for status %i", async (reset, code) => {
    const { outcome } = await callAt((stream) => stream.reset(reset));
    expect(outcome).toMatchObject({ code, unprocessed: reset === ErrorCode.RefusedStream });
  }); // prettier-ignore

  test("calls an answer that is not whole what it is", async () => {
    const cut = await callAt((stream) => {
      stream.sendHeaders(fieldsOf(begun));
      stream.write(message("answer").subarray(0, 7));
      stream.sendHeaders(fieldsOf({ "grpc-status": "0" }), true);
    });
    expect(cut.outcome).toMatchObject({ code: Code.Internal, message: expect.stringContaining("inside a message") });
    const none = await callAt((stream) => {
      stream.sendHeaders(fieldsOf(begun));
      stream.write(message("answer"), true);
    });
    expect(none.outcome).toMatchObject({ code: Code.Unknown, message: expect.stringContaining("without a status") });
    const two = await callAt((stream) => {
      stream.sendHeaders(fieldsOf(begun));
      stream.write(Buffer.concat([message("a"), message("b")]));
      stream.sendHeaders(fieldsOf({ "grpc-status": "0" }), true);
    });
    expect(two.outcome).toMatchObject({ code: Code.Internal, message: expect.stringContaining("2 answers") });
  });

  test("compresses what is large, until the server says that it cannot read it", async () => {
    const body = Buffer.alloc(1_000, "large ");
    const packed = await callAt(answering({ "grpc-status": "0" }), { gzipFromBytes: 100, body });
    expect(packed.requests[0]).toMatchObject({ "grpc-encoding": "gzip" });
    const sent = Buffer.from(packed.requests[0]?.body as string, "latin1");
    expect([sent[0], gunzipSync(sent.subarray(5)).equals(body)]).toEqual([1, true]);
    const refused = await callAt(answering({ "grpc-status": "12", "grpc-accept-encoding": "identity" }), {
      gzipFromBytes: 100,
      body,
    });
    expect(refused.outcome.code).toBe(Code.Unimplemented);
    await refused.again();
    expect(refused.requests[1]).not.toHaveProperty("grpc-encoding");
    expect(refused.requests[1]?.body).toBe(message(body).toString("latin1"));
  });

  test("unpacks answers within its limit", async () => {
    const answer = (body: Buffer) => (stream: Stream) => {
      stream.sendHeaders(fieldsOf({ ...begun, "grpc-encoding": "gzip" }));
      stream.write(message(body, 1));
      stream.sendHeaders(fieldsOf({ "grpc-status": "0" }), true);
    };
    const { outcome } = await callAt(answer(gzipSync("answer")));
    expect(outcome).toMatchObject({ code: Code.Ok, response: Buffer.from("answer") });
    const bomb = await callAt(answer(gzipSync(Buffer.alloc(2_000))), { maxMessageBytes: 1_000 });
    expect(bomb.outcome.code).toBe(Code.ResourceExhausted);
  });
});
