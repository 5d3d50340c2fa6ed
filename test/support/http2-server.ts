import { createServer, type AddressInfo, type Socket } from "node:net";
import {
  Connection,
  HeaderField,
  type ConnectionEnd,
  type Limits,
  type Stream,
  type StreamEvents,
} from "../../src/http2/index.ts";

export interface EchoServer {
  port: number;
  connections: Set<Connection>;
  /** How connections ended, in order. */
  ends: ConnectionEnd[];
  close(): Promise<void>;
}

const ok: readonly HeaderField[] = [new HeaderField(":status", "200"), new HeaderField("content-type", "text/plain")];
const done: readonly HeaderField[] = [new HeaderField("x-done", "yes")];

/** What a request is answered with: its body, or "hello" without one, and trailers. */
export function echo(stream: Stream, end: boolean): StreamEvents {
  const answer = () => {
    stream.sendHeaders(done, true);
  };
  stream.sendHeaders(ok);
  if (end) {
    stream.write(Buffer.from("hello"));
    answer();
  }
  return {
    headers: (_fields, over) => void (over && answer()),
    data: (chunk, over) => {
      if (chunk.length > 0) stream.write(chunk);
      stream.consume(chunk.length);
      if (over) answer();
    },
    writable: () => {},
    closed: () => {},
  };
}

/** A server of our own wire layer on a free port of loopback. */
export async function serveHttp2(
  limits: Partial<Limits> = {},
  request: (stream: Stream, end: boolean, fields: readonly HeaderField[]) => StreamEvents = echo,
): Promise<EchoServer> {
  const connections = new Set<Connection>();
  const ends: ConnectionEnd[] = [];
  const server = createServer({ noDelay: true }, (socket: Socket) => {
    const connection: Connection = new Connection(socket, {
      role: "server",
      limits,
      events: {
        request: (stream, fields, end) => request(stream, end, fields),
        closed: (end) => {
          ends.push(end);
          connections.delete(connection);
        },
      },
    });
    connections.add(connection);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    connections,
    ends,
    close: async () => {
      for (const connection of connections) connection.socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
