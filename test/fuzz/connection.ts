import { Duplex } from "node:stream";
import { Connection, HeaderField, type ConnectionEnd, type Stream, type StreamEvents } from "../../src/http2/index.ts";
import { echo } from "../support/http2-server.ts";
import { FuzzPeer, textOf } from "./peer.ts";
import { randomOf, type Random } from "./random.ts";
import { OutputWatch } from "./watch.ts";

/** A socket that takes bytes when it likes. */
class FuzzSocket extends Duplex {
  readonly #watch: OutputWatch;
  readonly #slow: boolean;
  fault: unknown;
  #taken: (() => void) | undefined;

  constructor(watch: OutputWatch, slow: boolean) {
    super({ writableHighWaterMark: 8_192 });
    this.#watch = watch;
    this.#slow = slow;
  }

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    try {
      this.#watch.take(chunk);
    } catch (error) {
      this.fault ??= error;
    }
    if (this.#slow) this.#taken = done;
    else done();
  }

  release(): void {
    const taken = this.#taken;
    this.#taken = undefined;
    taken?.();
  }
}

/**
 * One connection, one random conversation: frames and faults, split anywhere, with acts of its user between them.
 * @throws when the connection throws, breaks the protocol, keeps a stream after its end, tells an end twice, hands on
 * other header lists than were sent, or counts bytes or streams wrongly
 */
export async function fuzzCase(seed: number): Promise<void> {
  const random = randomOf(seed);
  const role = random(2) === 0 ? "client" : "server";
  const peer = new FuzzPeer(random, role === "server" ? "client" : "server");
  const socket = new FuzzSocket(new OutputWatch(peer, role), random(2) === 0);
  const ends: ConnectionEnd[] = [];
  const open = new Set<Stream>();
  const opened: Stream[] = [];
  const connection = new Connection(socket, {
    role,
    limits: random(3) === 0 ? smallLimits(random) : {},
    events: {
      request: (stream, fields, end) => {
        const sent = peer.sent.get(stream.id);
        if (sent !== undefined && sent !== textOf(fields))
          throw new Error(`stream ${stream.id} began with\n${textOf(fields)}\ninstead of\n${sent}`);
        open.add(stream);
        opened.push(stream);
        const events = random(3) === 0 ? idle(stream, random(2) === 0) : echo(stream, end);
        return { ...events, closed: () => closedOnce(open, stream) };
      },
      closed: (end) => ends.push(end),
    },
  });
  try {
    let bytes = peer.begin();
    for (let count = random(60); count >= 0 && !connection.closed; count--) {
      for (let at = 0; at < bytes.length && !connection.closed;) {
        const end = at + 1 + random(random(4) === 0 ? 3 : 20_000);
        socket.emit("data", Buffer.from(bytes.subarray(at, end)));
        at = end;
      }
      act(random, { connection, socket, open, opened });
      if (random(10) === 0) await new Promise(setImmediate);
      bytes = peer.next();
    }
    if (!connection.closed) connection.close();
    socket.release();
    await new Promise(setImmediate);
    check(connection, { ends, open, socket });
  } finally {
    socket.destroy();
  }
}

function check(
  connection: Connection,
  { ends, open, socket }: { ends: ConnectionEnd[]; open: Set<Stream>; socket: FuzzSocket },
): void {
  if (socket.fault !== undefined) throw socket.fault;
  if (ends.length !== 1) throw new Error(`the connection ended ${ends.length} times`);
  if (connection.streams.size !== 0 || open.size !== 0)
    throw new Error(`${connection.streams.size} streams are left, ${open.size} not told`);
  if (connection.unread !== 0 || connection.pending !== 0 || connection.active !== 0)
    throw new Error(`left: ${connection.unread} unread, ${connection.pending} pending, ${connection.active} active`);
}

function closedOnce(open: Set<Stream>, stream: Stream): void {
  if (!open.delete(stream)) throw new Error(`stream ${stream.id} ended twice`);
}

/** Hears and does nothing by itself; consumes perhaps. */
function idle(stream: Stream, consumes: boolean): Omit<StreamEvents, "closed"> {
  return {
    headers: () => {},
    data: (chunk) => consumes && stream.consume(chunk.length),
    writable: () => {},
  };
}

function smallLimits(random: Random) {
  return {
    maxConcurrentStreams: 1 + random(5),
    maxHeaderListBytes: 200 + random(2_000),
    headerTableBytes: random(8_192),
    initialWindowBytes: random(100_000),
    maxFrameBytes: 16_384 + random(10_000),
    maxUnreadBytes: 1_000 + random(100_000),
    maxBacklogBytes: 1_000 + random(50_000),
    resetBurst: 1 + random(20),
    idleFrameBurst: 1 + random(30),
  };
}

interface Acted {
  connection: Connection;
  socket: FuzzSocket;
  open: Set<Stream>;
  opened: Stream[];
}

/** What a user of the connection may do at any time. */
function act(random: Random, { connection, socket, open, opened }: Acted): void {
  if (random(3) === 0) socket.release();
  const stream = opened[random(Math.max(1, opened.length))];
  switch (random(16)) {
    case 0:
    case 1:
    case 2:
    case 3:
      if (connection.role === "client" && connection.canOpen) openOne(random, { connection, open, opened });
      break;
    case 4:
    case 5:
      stream?.write(Buffer.alloc(random(2) ? random(1_000) : random(150_000)), random(3) === 0);
      break;
    case 6:
      // Answers go out once.
      if (connection.role === "server" && stream?.responded === false && !stream.closed) {
        stream.responded = true;
        stream.sendHeaders([new HeaderField(":status", "200"), new HeaderField("x-a", String(random(5)))]);
      }
      break;
    case 7:
      stream?.sendHeaders([new HeaderField("x-done", "y".repeat(random(30_000)))], true);
      break;
    case 8:
      stream?.reset(random(12));
      break;
    case 9:
      connection.ping(() => {});
      break;
    case 10:
      if (random(20) === 0) connection.drain("bye");
      break;
    case 11:
      if (random(60) === 0) connection.close(random(12), "enough");
      break;
    case 12:
      if (random(60) === 0) socket.emit("end");
      break;
    default:
  }
}

function openOne(random: Random, { connection, open, opened }: Omit<Acted, "socket">): void {
  const fields = [":method", ":scheme", ":path"].map((name) => new HeaderField(name, name === ":path" ? "/" : "http"));
  const stream: Stream = connection.open(
    fields,
    {
      headers: () => {},
      data: (chunk) => stream.consume(chunk.length),
      writable: () => {},
      closed: () => closedOnce(open, stream),
    },
    { end: random(2) === 0 },
  );
  open.add(stream);
  opened.push(stream);
}
