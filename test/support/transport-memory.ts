/**
 * One side of a memory measurement, run with --expose-gc: `server` says its port and answers each line of its input
 * with the bytes it holds; `client KIND PORT` does what KIND says and prints what it found as JSON.
 */
import { createServer, type AddressInfo } from "node:net";
import { setImmediate as turn } from "node:timers/promises";
import { selectTransport, type ClientCall, type Connection } from "../../src/runtime/internal/transport/index.ts";

const native = selectTransport("native");
const bulk = { path: "/test.Memory/Bulk", kind: "server_streaming" } as const;
const idle = { path: "/test.Memory/Idle", kind: "bidi_streaming" } as const;
const get = { path: "/test.Memory/Get", kind: "unary" } as const;
const chunk = Buffer.alloc(65_536, "chunk");

/** Live bytes: what garbage collection leaves. */
async function heldBytes(): Promise<number> {
  for (let round = 0; round < 3; round++) {
    globalThis.gc?.();
    await turn();
  }
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

async function serve(): Promise<void> {
  const { accept } = native.listen({ methods: [bulk, idle, get] }, (call) => {
    void (async () => {
      if (call.method === get.path) await call.write(call.request as Uint8Array);
      else if (call.method === idle.path) for await (const message of call.messages) await call.write(message);
      else for (let sent = 0; sent < 2 ** 30 && !call.signal.aborted; sent += chunk.length) await call.write(chunk);
      call.finish({ code: 0, message: "" }, []);
    })();
  });
  const server = createServer({ noDelay: true }, accept);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", 4_096, resolve));
  console.log((server.address() as AddressInfo).port);
  process.stdin.on("data", () => void heldBytes().then((bytes) => console.log(bytes)));
}

const connect = (port: number): Connection => native.connect({ host: "127.0.0.1", port });

/** Reads a gigabyte and pauses now and then until nothing more comes. */
async function pausedReader(port: number): Promise<object> {
  const call = connect(port).call(bulk, [], {});
  await call.write(chunk.subarray(0, 1));
  call.end();
  let bytes = 0;
  let most = 0;
  let before = 0;
  for await (const message of call.messages) {
    // The windows have grown after a part of it.
    if (bytes === 64 * 1_024 * 1_024) before = await heldBytes();
    bytes += message.length;
    if (bytes % (64 * 1_024 * 1_024) === 0 && before > 0) {
      await new Promise((resolve) => setTimeout(resolve, 50));
      most = Math.max(most, await heldBytes());
    }
  }
  return { bytes, grownBytes: most - before };
}

/** Opens idle streams, each after one message there and back, and tells what one holds on this side. */
async function idleStreams(port: number): Promise<object> {
  const count = 10_000;
  const connections = Array.from({ length: 10 }, () => connect(port));
  const ask = async (connection: Connection): Promise<ClientCall> => {
    const call = connection.call(idle, [], {});
    await call.write(chunk.subarray(0, 10));
    await call.messages[Symbol.asyncIterator]().next();
    return call;
  };
  // What connections cost is not meant.
  await Promise.all(connections.map((connection) => connection.unary(get, [], chunk.subarray(0, 1), {})));
  const before = await heldBytes();
  const begin = new Promise((resolve) => process.stdin.once("data", resolve));
  console.log("connected");
  await begin;
  const calls = await Promise.all(
    Array.from({ length: count }, (_, index) => ask(connections[index % connections.length] as Connection)),
  );
  return { count: calls.length, bytesEach: ((await heldBytes()) - before) / count };
}

/** Opens connections, calls on each, and calls on each again when all are open. */
async function connections(port: number): Promise<object> {
  const count = 10_000;
  const begin = performance.now();
  const all: Connection[] = [];
  let answered = 0;
  const callOn = async (connection: Connection) => {
    const { code } = await connection.unary(get, [], chunk.subarray(0, 100), {});
    if (code === 0) answered++;
  };
  while (all.length < count) {
    const some = Array.from({ length: 250 }, () => connect(port));
    all.push(...some);
    await Promise.all(some.map(callOn));
  }
  const openMs = performance.now() - begin;
  await Promise.all(all.map(callOn));
  return { count, answered, openMs, ms: performance.now() - begin };
}

const [role, kind = "", port] = process.argv.slice(2);
const kinds: Record<string, (port: number) => Promise<object>> = { pausedReader, idleStreams, connections };
if (role === "server") await serve();
else {
  process.stdin.resume();
  console.log(JSON.stringify(await (kinds[kind] as (typeof kinds)[string])(Number(port))));
  // Its connections stay until the server was measured.
}
