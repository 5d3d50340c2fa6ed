import { createServer, type AddressInfo } from "node:net";
import { describe, expect, onTestFinished, test } from "vitest";
import { clientPreface, Flag, FrameType } from "../../../src/http2/constants.ts";
import { ErrorCode } from "../../../src/http2/index.ts";
import { connectHttp2, request } from "../../support/http2-client.ts";
import { block, frame, RawPeer, uint32 } from "../../support/http2-raw.ts";
import { serveHttp2 } from "../../support/http2-server.ts";

test("a header list over the limit is answered with 431, and the tables stay in step", async () => {
  const server = await serveHttp2({ maxHeaderListBytes: 1_000 });
  onTestFinished(() => server.close());
  const { connection } = await connectHttp2(server.port);
  expect((await request(connection, { fields: { "x-long": "v".repeat(1_200) } })).headers[":status"]).toBe("431");
  expect((await request(connection, { fields: { "x-ok": "v" } })).headers[":status"]).toBe("200");
});

describe("servers that misbehave", () => {
  const settings = frame(FrameType.Settings, 0, 0);
  const response = (fields: Record<string, string>, flags: number) =>
    frame(FrameType.Headers, Flag.EndHeaders | flags, 1, block(fields));

  async function answerOf(...frames: readonly Uint8Array[]) {
    const server = createServer((socket) => {
      const peer = new RawPeer(socket, { skip: clientPreface.length });
      peer.send(settings);
      const timer = setInterval(() => {
        if (!peer.frames.some(({ type }) => type === FrameType.Headers)) return;
        clearInterval(timer);
        peer.send(...frames);
      }, 1);
      socket.once("close", () => clearInterval(timer));
    }).listen(0);
    onTestFinished(() => void server.close());
    const { connection } = await connectHttp2((server.address() as AddressInfo).port);
    onTestFinished(() => void connection.socket.destroy());
    return await request(connection);
  }

  const cases: Record<string, [frames: Uint8Array[], code: number]> = {
    "DATA before headers": [[frame(FrameType.Data, 0, 1, Buffer.from("x"))], ErrorCode.ProtocolError],
    "a push": [[frame(FrameType.PushPromise, Flag.EndHeaders, 1, uint32(2))], ErrorCode.ProtocolError],
    "no status": [[response({ "x-a": "b" }, Flag.EndStream)], ErrorCode.ProtocolError],
    "an informational end": [[response({ ":status": "100" }, Flag.EndStream)], ErrorCode.ProtocolError],
    "less than its content-length": [
      [
        response({ ":status": "200", "content-length": "5" }, 0),
        frame(FrameType.Data, Flag.EndStream, 1, Buffer.from("x")),
      ],
      ErrorCode.ProtocolError,
    ],
    "trailers that do not end": [
      [response({ ":status": "200" }, 0), response({ "x-a": "b" }, 0)],
      ErrorCode.ProtocolError,
    ],
    "a frame over the limit": [[frame(FrameType.Data, 0, 1, Buffer.alloc(20_000))], ErrorCode.FrameSizeError],
    "garbage in a header block": [
      [frame(FrameType.Headers, Flag.EndHeaders, 1, Buffer.from([0xff, 0xff, 0xff, 0xff, 0xff]))],
      ErrorCode.CompressionError,
    ],
    "a refused stream": [[frame(FrameType.RstStream, 0, 1, uint32(ErrorCode.RefusedStream))], ErrorCode.RefusedStream],
  };

  test.each(Object.keys(cases))("%s: the call ends with the right code", async (name) => {
    const [frames, code] = cases[name] as (typeof cases)[string];
    const { end } = await answerOf(...frames);
    expect(end.code).toBe(code);
    expect(end.unprocessed).toBe(code === ErrorCode.RefusedStream);
  });

  test("GOAWAY below a stream says that it was not processed", async () => {
    const { end } = await answerOf(frame(FrameType.GoAway, 0, 0, uint32(0, 0)));
    expect(end).toMatchObject({ unprocessed: true, remote: true });
  });
});
