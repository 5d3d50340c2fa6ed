import { once } from "node:events";
import { connect } from "node:net";
import { Connection, HeaderField, type ConnectionEnd, type Limits, type StreamEnd } from "../../src/http2/index.ts";

export interface TestClient {
  connection: Connection;
  ended: Promise<ConnectionEnd>;
}

/** A client of our own wire layer. */
export async function connectHttp2(port: number, limits: Partial<Limits> = {}): Promise<TestClient> {
  const socket = connect({ port, host: "127.0.0.1", noDelay: true });
  await once(socket, "connect");
  const { promise: ended, resolve } = Promise.withResolvers<ConnectionEnd>();
  const ready = Promise.withResolvers<void>();
  const events = { closed: (end: ConnectionEnd) => (resolve(end), ready.resolve()), ready: () => ready.resolve() };
  const connection = new Connection(socket, { role: "client", limits, events });
  await ready.promise;
  return { connection, ended };
}

export interface Answer {
  headers: Record<string, string>;
  informational: Record<string, string>[];
  trailers: Record<string, string>;
  body: Buffer;
  end: StreamEnd;
}

const asRecord = (fields: readonly HeaderField[]) => Object.fromEntries(fields.map(({ name, value }) => [name, value]));

/** One request and all that comes back; never rejects. */
export function request(
  connection: Connection,
  { body, fields = {} }: { body?: Uint8Array; fields?: Record<string, string> } = {},
): Promise<Answer> {
  const all = { ":method": "POST", ":scheme": "http", ":path": "/", ":authority": "test", ...fields };
  const list = Object.entries(all).map(([name, value]) => new HeaderField(name, value));
  const chunks: Buffer[] = [];
  const answer = { headers: {}, informational: [] as Record<string, string>[], trailers: {} };
  return new Promise((resolve) => {
    const stream = connection.open(
      list,
      {
        headers: (received, _end, kind) => {
          if (kind === "informational") answer.informational.push(asRecord(received));
          else answer[kind] = asRecord(received);
        },
        data: (chunk) => {
          chunks.push(chunk);
          stream.consume(chunk.length);
        },
        writable: () => {},
        closed: (end) => resolve({ ...answer, body: Buffer.concat(chunks), end }),
      },
      { end: body === undefined },
    );
    if (body !== undefined) stream.write(body, true);
  });
}
