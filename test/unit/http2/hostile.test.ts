import { once } from "node:events";
import { connect, createServer, type AddressInfo } from "node:net";
import { describe, expect, onTestFinished, test } from "vitest";
import { clientPreface, Flag, FrameType } from "../../../src/http2/constants.ts";
import { ErrorCode, HeaderField, type Limits } from "../../../src/http2/index.ts";
import { connectHttp2, request } from "../../support/http2-client.ts";
import { block, frame, RawPeer, requestBlock, setting, uint32 } from "../../support/http2-raw.ts";
import { serveHttp2 } from "../../support/http2-server.ts";

const startOfRequest = (id: number, end = false) =>
  frame(FrameType.Headers, Flag.EndHeaders | (end ? Flag.EndStream : 0), id, requestBlock);

/** Attacks: what a hostile client sends, and the guard that stops it (switched off, the attack goes through). */
const attacks: Record<string, { send(peer: RawPeer, index: number): void; rounds: number; off: Partial<Limits> }> = {
  "rapid reset (CVE-2023-44487)": {
    rounds: 3_000,
    send: (peer, index) =>
      peer.send(startOfRequest(index * 2 + 1), frame(FrameType.RstStream, 0, index * 2 + 1, uint32(ErrorCode.Cancel))),
    off: { resetBurst: Infinity },
  },
  "resets provoked from the server (CVE-2025-8671)": {
    rounds: 3_000,
    send: (peer, index) => peer.send(startOfRequest(index * 2 + 1), startOfRequest(index * 2 + 1)),
    off: { resetBurst: Infinity },
  },
  "streams beyond the limit": {
    rounds: 4_000,
    send: (peer, index) => peer.send(startOfRequest(index * 2 + 1)),
    off: { resetBurst: Infinity },
  },
  "CONTINUATION without end (CVE-2024-27316)": {
    rounds: 1_000,
    send: (peer, index) => peer.send(frame(index === 0 ? FrameType.Headers : FrameType.Continuation, 0, 1)),
    off: { maxContinuations: Infinity },
  },
  "a flood of PING (CVE-2019-9512)": {
    rounds: 5_000,
    send: (peer) => peer.send(frame(FrameType.Ping, 0, 0, Buffer.alloc(8))),
    off: { idleFrameBurst: Infinity },
  },
  "a flood of SETTINGS (CVE-2019-9515)": {
    rounds: 5_000,
    send: (peer) => peer.send(frame(FrameType.Settings, 0, 0, setting(1, 4_096))),
    off: { idleFrameBurst: Infinity },
  },
  "a flood of PRIORITY (CVE-2019-9513)": {
    rounds: 5_000,
    send: (peer) => peer.send(frame(FrameType.Priority, 0, 3, Buffer.alloc(5))),
    off: { idleFrameBurst: Infinity },
  },
  "a flood of empty DATA (CVE-2019-9518)": {
    rounds: 5_000,
    send: (peer, index) => peer.send(index === 0 ? startOfRequest(1) : frame(FrameType.Data, 0, 1)),
    off: { idleFrameBurst: Infinity },
  },
  "windows that grow byte by byte (CVE-2019-9511)": {
    rounds: 5_000,
    send: (peer, index) => peer.send(index === 0 ? startOfRequest(1) : frame(FrameType.WindowUpdate, 0, 1, uint32(1))),
    off: { idleFrameBurst: Infinity },
  },
  "frames of unknown types": {
    rounds: 5_000,
    send: (peer) => peer.send(frame(99, 0, 0)),
    off: { idleFrameBurst: Infinity },
  },
};

async function attack(name: keyof typeof attacks, limits: Partial<Limits>) {
  const { send, rounds } = attacks[name] as (typeof attacks)[string];
  const server = await serveHttp2(limits);
  onTestFinished(() => server.close());
  const { connection } = await connectHttp2(server.port);
  const peer = await RawPeer.connect(server.port);
  let others = 0;
  for (let index = 0; index < rounds && !peer.socket.destroyed; index++) {
    send(peer, index);
    if (index % 50 !== 0) continue;
    // The others lose nothing.
    expect((await request(connection)).body.toString()).toBe("hello");
    others++;
  }
  expect(others).toBeGreaterThan(1);
  return { server, peer, connection };
}

describe.each(Object.keys(attacks))("%s", (name) => {
  test("ends that connection with ENHANCE_YOUR_CALM and a reason, and no other", async () => {
    const { peer, connection, server } = await attack(name, {});
    expect(await peer.goAway()).toMatchObject({
      code: ErrorCode.EnhanceYourCalm,
      debug: expect.stringMatching(/\w+ \w+/),
    });
    expect((await request(connection)).body.toString()).toBe("hello");
    expect(server.ends).toHaveLength(1);
  });

  test("goes through when its guard is off", async () => {
    const { peer, server } = await attack(name, (attacks[name] as (typeof attacks)[string]).off);
    expect(server.ends).toEqual([]);
    peer.socket.destroy();
  });
});

test("PINGs that measure the bandwidth of answers, and ends of requests that were answered early, are no flood", async () => {
  const early = { headers: () => {}, data: () => {}, writable: () => {}, closed: () => {} };
  const limits = { idleFrameBurst: 10, idleFramesPerSecond: 0 };
  const server = await serveHttp2(limits, (stream) => {
    stream.sendHeaders([new HeaderField(":status", "200")], true);
    stream.reset(ErrorCode.NoError);
    return early;
  });
  onTestFinished(() => server.close());
  const { connection } = await connectHttp2(server.port);
  for (let round = 0; round < 100; round++) {
    const acknowledged = Promise.withResolvers<void>();
    // The body arrives behind a reset.
    const answer = request(connection, { body: Buffer.from("x") });
    connection.ping(() => acknowledged.resolve());
    expect((await answer).headers).toEqual({ ":status": "200" });
    await acknowledged.promise;
  }
  expect(connection.closed).toBe(false);
});

test("a preface that does not come and headers that dribble end in time", async () => {
  const server = await serveHttp2({ headerTimeoutMs: 100 });
  const impatient = await serveHttp2({ handshakeTimeoutMs: 100 });
  onTestFinished(() => Promise.all([server.close(), impatient.close()]).then(() => undefined));
  const dribbling = await RawPeer.connect(server.port);
  dribbling.send(startOfRequest(1).subarray(0, 15));
  expect(await dribbling.goAway()).toMatchObject({ code: ErrorCode.EnhanceYourCalm });
  const silent = connect(impatient.port, "127.0.0.1");
  silent.resume();
  await once(silent, "close");
});

test("a peer that never reads is not read either, and goes", async () => {
  const server = await serveHttp2({ maxBacklogBytes: 100_000, stallTimeoutMs: 300, idleFrameBurst: Infinity });
  onTestFinished(() => server.close());
  const peer = await RawPeer.connect(server.port, { reads: false });
  const pings = Buffer.concat(Array.from({ length: 2_000 }, () => frame(FrameType.Ping, 0, 0, Buffer.alloc(8))));
  const feed = () => {
    while (!peer.socket.destroyed && peer.socket.write(pings));
  };
  peer.socket.on("drain", feed);
  feed();
  await expect.poll(() => server.ends, { timeout: 20_000 }).toHaveLength(1);
  expect(server.ends[0]?.message).toContain("reads nothing");
});

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
