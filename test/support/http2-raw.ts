import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { clientPreface, FrameType } from "../../src/http2/constants.ts";
import { HpackEncoder } from "../../src/http2/hpack/encoder.ts";
import { HeaderField } from "../../src/http2/hpack/field.ts";

export interface RawFrame {
  type: number;
  flags: number;
  streamId: number;
  payload: Buffer;
}

export function frame(type: number, flags: number, streamId: number, payload: Uint8Array = Buffer.alloc(0)): Buffer {
  const header = Buffer.alloc(9);
  header.writeUIntBE(payload.length, 0, 3);
  header[3] = type;
  header[4] = flags;
  header.writeUInt32BE(streamId, 5);
  return Buffer.concat([header, payload]);
}

export function uint32(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 4);
  for (const [index, value] of values.entries()) bytes.writeUInt32BE(value, index * 4);
  return bytes;
}

export function setting(id: number, value: number): Buffer {
  const bytes = Buffer.alloc(6);
  bytes.writeUInt16BE(id, 0);
  bytes.writeUInt32BE(value, 2);
  return bytes;
}

/** A header block that uses no table, so that it can be sent to anybody at any time. */
export function block(fields: Readonly<Record<string, string>>): Buffer {
  const list = Object.entries(fields).map(([name, value]) => new HeaderField(name, value, true));
  const buffer = Buffer.alloc(200_000);
  return Buffer.from(buffer.subarray(0, new HpackEncoder(4_096).encode(list, buffer, 0)));
}

/** A peer that says byte for byte what a test wants. */
export class RawPeer {
  readonly socket: Socket;
  readonly frames: RawFrame[] = [];
  #rest: Buffer = Buffer.alloc(0);
  #skip: number;

  /** `skip`: bytes before the first frame, a client's preface. */
  constructor(socket: Socket, { reads = true, skip = 0 } = {}) {
    this.socket = socket;
    this.#skip = skip;
    socket.on("error", () => {});
    if (reads) socket.on("data", (chunk: Buffer) => this.#take(chunk));
  }

  static async connect(port: number, options: { reads?: boolean } = {}): Promise<RawPeer> {
    const socket = connect({ port, host: "127.0.0.1", noDelay: true });
    await once(socket, "connect");
    const peer = new RawPeer(socket, options);
    peer.begin();
    return peer;
  }

  /** What every client begins with. */
  begin(): void {
    this.send(clientPreface, frame(FrameType.Settings, 0, 0));
  }

  #take(chunk: Buffer): void {
    this.#rest = Buffer.concat([this.#rest, chunk]);
    const skipped = Math.min(this.#skip, this.#rest.length);
    this.#skip -= skipped;
    this.#rest = this.#rest.subarray(skipped);
    while (this.#rest.length >= 9) {
      const size = this.#rest.readUIntBE(0, 3);
      if (this.#rest.length < 9 + size) return;
      this.frames.push({
        type: this.#rest[3] as number,
        flags: this.#rest[4] as number,
        streamId: this.#rest.readUInt32BE(5),
        payload: this.#rest.subarray(9, 9 + size),
      });
      this.#rest = this.#rest.subarray(9 + size);
    }
  }

  send(...frames: readonly Uint8Array[]): void {
    if (!this.socket.destroyed) this.socket.write(Buffer.concat(frames));
  }

  /** Code and debug data of the last GOAWAY, once the connection is over. */
  async goAway(): Promise<{ code: number; debug: string } | undefined> {
    if (!this.socket.destroyed) await once(this.socket, "close");
    const last = this.frames.findLast(({ type }) => type === FrameType.GoAway);
    return last && { code: last.payload.readUInt32BE(4), debug: last.payload.toString("utf8", 8) };
  }
}
