import { Duplex } from "node:stream";
import { clientPreface, FrameType } from "../../src/http2/constants.ts";
import { Connection, type ConnectionEnd } from "../../src/http2/index.ts";
import { block, frame, requestBlock, uint32 } from "../support/http2-raw.ts";
import { echo } from "../support/http2-server.ts";

type Random = (below: number) => number;

/** mulberry32: small, fast, and the same everywhere. */
function randomOf(seed: number): Random {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

const responseBlock = block({ ":status": "200", "x-a": "b" });

function payloadOf(type: number, random: Random): Buffer {
  const noise = () => Buffer.from(Array.from({ length: random(40) }, () => random(256)));
  if (random(6) === 0) return noise();
  switch (type) {
    case FrameType.Headers:
    case FrameType.Continuation:
      return random(3) === 0
        ? requestBlock.subarray(0, random(requestBlock.length))
        : random(2)
          ? requestBlock
          : responseBlock;
    case FrameType.Settings:
      return Buffer.concat([Buffer.from([0, 1 + random(7)]), uint32(random(3) ? random(70_000) : random(2 ** 31) * 2)]);
    case FrameType.Ping:
      return Buffer.alloc(8);
    case FrameType.GoAway:
      return uint32(random(20), random(14));
    case FrameType.WindowUpdate:
    case FrameType.RstStream:
      return uint32(random(3) ? random(20) : random(2 ** 31));
    case FrameType.Priority:
      return Buffer.concat([uint32(random(20)), Buffer.of(random(256))]);
    default:
      return noise();
  }
}

function bytesOf(random: Random, role: "client" | "server"): Buffer {
  const frames = [frame(FrameType.Settings, 0, 0)];
  const count = random(60);
  for (let index = 0; index < count; index++) {
    const type = random(12) === 0 ? random(256) : random(10);
    const streamId = random(4) === 0 ? random(50) : 1 + 2 * random(12);
    frames.push(
      frame(type, random(3) === 0 ? random(256) : random(2) * 4 + random(2), streamId, payloadOf(type, random)),
    );
  }
  return Buffer.concat(role === "server" ? [clientPreface, ...frames] : frames);
}

/**
 * One connection, one random conversation, split anywhere.
 * @throws when the connection throws, keeps a stream after its end, or counts bytes or streams wrongly
 */
export async function fuzzCase(seed: number): Promise<void> {
  const random = randomOf(seed);
  const role = random(2) === 0 ? "client" : "server";
  const ends: ConnectionEnd[] = [];
  const socket = new Duplex({ read: () => {}, write: (_chunk, _encoding, done) => done() });
  let open = 0;
  const connection = new Connection(socket, {
    role,
    events: {
      request: (stream, _fields, end) => {
        open++;
        return { ...echo(stream, end), closed: () => open-- };
      },
      closed: (end) => ends.push(end),
    },
  });
  if (role === "client") beginCalls(connection, { count: random(5), closed: () => open--, begun: () => open++ });
  const bytes = bytesOf(random, role);
  for (let at = 0; at < bytes.length && !connection.closed;) {
    const end = at + 1 + random(random(4) === 0 ? 3 : 200);
    socket.emit("data", Buffer.from(bytes.subarray(at, end)));
    at = end;
    if (random(8) === 0) await new Promise(setImmediate);
  }
  if (!connection.closed) connection.close();
  await new Promise(setImmediate);
  socket.destroy();
  if (ends.length !== 1) throw new Error(`the connection ended ${ends.length} times`);
  if (connection.streams.size !== 0 || open !== 0)
    throw new Error(`${connection.streams.size} streams are left, ${open} not told`);
  if (connection.unread !== 0 || connection.pending !== 0 || connection.active !== 0)
    throw new Error(`left: ${connection.unread} unread, ${connection.pending} pending, ${connection.active} active`);
}

function beginCalls(
  connection: Connection,
  { count, begun, closed }: { count: number; begun(): void; closed(): void },
): void {
  for (let index = 0; index < count; index++) {
    begun();
    const stream = connection.open(
      [],
      { headers: () => {}, data: (chunk) => stream.consume(chunk.length), writable: () => {}, closed },
      { end: index % 2 === 0 },
    );
    if (index % 2 === 1) stream.write(Buffer.alloc(100_000), true);
  }
}
