import { clientPreface, Flag, FrameType } from "../../src/http2/constants.ts";
import { HpackEncoder } from "../../src/http2/hpack/encoder.ts";
import { ErrorCode, HeaderField, type Limits } from "../../src/http2/index.ts";
import { block, frame, type RawPeer, setting, uint32 } from "./http2-raw.ts";

export interface Attack {
  /** What a hostile client sends, round after round, until its connection ends or the rounds are over. */
  send(peer: RawPeer, round: number): void;
  rounds: number;
  /** Ms between two rounds, default as fast as it goes. */
  everyMs?: number;
  /** Limits that make the guard act sooner than by default. */
  limits?: Partial<Limits>;
  /** The guard switched off. */
  off: Partial<Limits>;
  /** How it is stopped: the connection ends (the default), or single streams are. */
  stops?: "connection" | "streams";
  /** The code that the peer is told. */
  code?: number;
  /** The attacker reads what comes, default true. */
  reads?: boolean;
  /** What it begins with, default the preface and empty SETTINGS. */
  begins?: Uint8Array;
}

export const paths = { echo: "/attack.Wire/Echo", large: "/attack.Wire/Large", hang: "/attack.Wire/Hang" } as const;
/** Bytes of an answer of {@link paths.large}. */
export const largeBytes = 500_000;

const fieldsFor = (path: string) => ({
  ":method": "POST", ":scheme": "http", ":path": path, ":authority": "x", "content-type": "application/grpc",
}); // prettier-ignore
const blocks = Object.fromEntries(
  Object.entries(paths).map(([name, path]) => [name, block(fieldsFor(path))]),
) as Record<keyof typeof paths, Buffer>;

const begin = (id: number, kind: keyof typeof paths = "hang", flags = 0) =>
  frame(FrameType.Headers, Flag.EndHeaders | flags, id, blocks[kind]);
/** A whole call: its request is an empty message. */
const call = (id: number, kind: keyof typeof paths) =>
  Buffer.concat([begin(id, kind), frame(FrameType.Data, Flag.EndStream, id, Buffer.alloc(5))]);
const id = (round: number) => round * 2 + 1;
const once = (round: number, first: Uint8Array, next: Uint8Array) => (round === 0 ? first : next);
const never = 2 ** 31 - 1;

/** A block that puts a large field in the table and then names it as often as it can. */
function bomb(): [first: Buffer, next: Buffer] {
  const buffer = Buffer.alloc(20_000);
  const fields = [
    ...Object.entries(fieldsFor(paths.echo)).map(([name, value]) => new HeaderField(name, value, true)),
    new HeaderField("x-large", "v".repeat(1_900)),
  ];
  const encoder = new HpackEncoder(4_096);
  const first = Buffer.from(buffer.subarray(0, encoder.encode(fields, buffer, 0)));
  const next = Buffer.from(buffer.subarray(0, encoder.encode(fields, buffer, 0)));
  const many = Buffer.alloc(12_000, 0xbe);
  return [Buffer.concat([first, many]), Buffer.concat([next, many])];
}
const [firstBomb, nextBomb] = bomb();

const longList = block({ ...fieldsFor(paths.echo), "x-long": "v".repeat(3_000) });

export const attacks: Record<string, Attack> = {
  "rapid reset (CVE-2023-44487)": {
    rounds: 3_000,
    send: (peer, round) =>
      peer.send(begin(id(round)), frame(FrameType.RstStream, 0, id(round), uint32(ErrorCode.Cancel))),
    off: { resetBurst: Infinity, maxConcurrentStreams: 10_000 },
  },
  "resets provoked by empty WINDOW_UPDATE (CVE-2025-8671)": {
    rounds: 3_000,
    send: (peer, round) => peer.send(begin(id(round)), frame(FrameType.WindowUpdate, 0, id(round), uint32(0))),
    off: { resetBurst: Infinity, idleFrameBurst: Infinity, maxConcurrentStreams: 10_000 },
  },
  "resets provoked by DATA after the end (CVE-2025-8671)": {
    rounds: 3_000,
    send: (peer, round) => peer.send(begin(id(round), "hang", Flag.EndStream), frame(FrameType.Data, 0, id(round))),
    off: { resetBurst: Infinity, maxConcurrentStreams: 10_000 },
  },
  "resets provoked by windows over 2^31-1 (CVE-2025-8671)": {
    rounds: 3_000,
    send: (peer, round) =>
      peer.send(begin(id(round)), frame(FrameType.WindowUpdate, 0, id(round), uint32(0x7fff_ffff))),
    off: { resetBurst: Infinity, maxConcurrentStreams: 10_000 },
  },
  "streams beyond the limit": {
    rounds: 4_000,
    send: (peer, round) => peer.send(begin(id(round))),
    off: { resetBurst: Infinity },
  },
  "CONTINUATION without end (CVE-2024-27316)": {
    rounds: 1_000,
    send: (peer, round) => peer.send(frame(round === 0 ? FrameType.Headers : FrameType.Continuation, 0, 1)),
    off: { maxContinuations: Infinity },
  },
  "a header block without end": {
    rounds: 14,
    send: (peer, round) =>
      peer.send(frame(round === 0 ? FrameType.Headers : FrameType.Continuation, 0, 1, Buffer.alloc(16_000))),
    off: { maxHeaderBlockBytes: Infinity },
  },
  "HPACK bombs": {
    rounds: 1_500,
    send: (peer, round) =>
      peer.send(
        frame(FrameType.Headers, Flag.EndHeaders | Flag.EndStream, id(round), once(round, firstBomb, nextBomb)),
      ),
    off: { maxHeaderListBytes: Infinity, resetBurst: Infinity },
  },
  "header lists over the limit": {
    rounds: 1_500,
    limits: { maxHeaderListBytes: 2_000 },
    send: (peer, round) => peer.send(frame(FrameType.Headers, Flag.EndHeaders | Flag.EndStream, id(round), longList)),
    off: { maxHeaderListBytes: Infinity },
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
  "a flood of RST_STREAM (CVE-2019-9514)": {
    rounds: 5_000,
    send: (peer, round) => peer.send(round === 0 ? call(1, "echo") : frame(FrameType.RstStream, 0, 1, uint32(8))),
    off: { idleFrameBurst: Infinity },
  },
  "a flood of PRIORITY (CVE-2019-9513)": {
    rounds: 5_000,
    send: (peer) => peer.send(frame(FrameType.Priority, 0, 3, Buffer.alloc(5))),
    off: { idleFrameBurst: Infinity },
  },
  "a flood of empty DATA (CVE-2019-9518)": {
    rounds: 5_000,
    send: (peer, round) => peer.send(once(round, begin(1), frame(FrameType.Data, 0, 1))),
    off: { idleFrameBurst: Infinity },
  },
  "windows that grow byte by byte (CVE-2019-9511)": {
    rounds: 5_000,
    send: (peer, round) => peer.send(once(round, begin(1), frame(FrameType.WindowUpdate, 0, 1, uint32(1)))),
    off: { idleFrameBurst: Infinity },
  },
  "frames of unknown types": {
    rounds: 5_000,
    send: (peer) => peer.send(frame(99, 0, 0)),
    off: { idleFrameBurst: Infinity },
  },
  "answers asked for behind a window of zero (CVE-2019-9517)": {
    rounds: 60,
    limits: { maxPendingBytes: 4_000_000 },
    begins: Buffer.concat([clientPreface, frame(FrameType.Settings, 0, 0, setting(4, 0))]),
    send: (peer, round) => peer.send(call(id(round), "large")),
    stops: "streams",
    off: { maxPendingBytes: Infinity },
  },
  "messages of nothing that nobody reads": {
    rounds: 60,
    limits: { maxUnreadBytes: 4_000_000 },
    send: (peer, round) =>
      peer.send(begin(id(round)), ...[1, 2, 3].map(() => frame(FrameType.Data, 0, id(round), Buffer.alloc(16_000)))),
    stops: "streams",
    off: { maxUnreadBytes: Infinity },
  },
  "messages that never end": {
    rounds: 200,
    limits: { maxUnreadBytes: 4_000_000 },
    send: (peer, round) => {
      const head = Buffer.of(0, 0, 16, 0, 0);
      peer.send(begin(id(round), "echo"), frame(FrameType.Data, 0, id(round), head));
      peer.send(...[1, 2, 3].map(() => frame(FrameType.Data, 0, id(round), Buffer.alloc(16_000))));
    },
    stops: "streams",
    off: { maxUnreadBytes: Infinity },
  },
  "a preface without what follows": {
    rounds: 40,
    everyMs: 20,
    limits: { handshakeTimeoutMs: 200 },
    begins: clientPreface,
    send: () => {},
    code: ErrorCode.ProtocolError,
    off: { handshakeTimeoutMs: never },
  },
  "headers byte by byte": {
    rounds: 40,
    everyMs: 20,
    limits: { headerTimeoutMs: 200 },
    send: (peer, round) => peer.send(begin(1).subarray(round, round + 1)),
    off: { headerTimeoutMs: never },
  },
  "a peer that never reads": {
    rounds: 300,
    everyMs: 2,
    reads: false,
    limits: { maxBacklogBytes: 100_000, stallTimeoutMs: 100, idleFrameBurst: Infinity },
    // Pings are answered with as much as they bring.
    send: (peer) =>
      peer.send(Buffer.concat(Array.from({ length: 2_000 }, () => frame(FrameType.Ping, 0, 0, Buffer.alloc(8))))),
    off: { stallTimeoutMs: never },
  },
};
