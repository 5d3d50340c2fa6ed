import { clientPreface, Flag, FrameType } from "../../src/http2/constants.ts";
import { HpackDecoder } from "../../src/http2/hpack/decoder.ts";
import type { FuzzPeer } from "./peer.ts";

/** Reads what the connection under test says, as strictly as a peer may. */
export class OutputWatch {
  readonly #peer: FuzzPeer;
  readonly #decoder: HpackDecoder = new HpackDecoder(65_536);
  readonly #over = new Set<number>();
  readonly #sent = new Map<number, number>();
  #all = 0;
  #rest: Buffer = Buffer.alloc(0);
  #skip: number;
  #block: { streamId: number; parts: Buffer[] } | undefined;

  constructor(peer: FuzzPeer, role: "client" | "server") {
    this.#peer = peer;
    this.#skip = role === "client" ? clientPreface.length : 0;
  }

  /** @throws Error when the connection breaks the protocol itself */
  take(chunk: Buffer): void {
    this.#rest = Buffer.concat([this.#rest, chunk]);
    const skipped = Math.min(this.#skip, this.#rest.length);
    this.#skip -= skipped;
    this.#rest = this.#rest.subarray(skipped);
    while (this.#rest.length >= 9 && this.#rest.length >= 9 + this.#rest.readUIntBE(0, 3)) {
      const size = this.#rest.readUIntBE(0, 3);
      this.#frame({
        type: this.#rest[3] as number,
        flags: this.#rest[4] as number,
        streamId: this.#rest.readUInt32BE(5),
        payload: this.#rest.subarray(9, 9 + size),
      });
      this.#rest = this.#rest.subarray(9 + size);
    }
  }

  #frame({ type, flags, streamId, payload }: { type: number; flags: number; streamId: number; payload: Buffer }): void {
    if (payload.length > this.#peer.mostFrame) throw new Error(`sent a frame of ${payload.length} bytes`);
    if (this.#block !== undefined && (type !== FrameType.Continuation || streamId !== this.#block.streamId))
      throw new Error("sent a frame inside a header block");
    const talks = type === FrameType.Data || type === FrameType.Headers;
    if (talks && this.#over.has(streamId)) throw new Error(`sent on stream ${streamId} after its end`);
    if (type === FrameType.Data) this.#data(streamId, payload.length);
    if (type === FrameType.Headers || type === FrameType.Continuation) {
      this.#block ??= { streamId, parts: [] };
      this.#block.parts.push(payload);
      if (flags & Flag.EndHeaders) {
        const block = Buffer.concat(this.#block.parts);
        this.#block = undefined;
        this.#decoder.decode(block, 0, block.length, 1_000_000);
      }
    }
    if (type === FrameType.WindowUpdate && payload.readUInt32BE(0) === 0)
      throw new Error("sent an empty WINDOW_UPDATE");
    if ((talks && flags & Flag.EndStream) || type === FrameType.RstStream) this.#over.add(streamId);
  }

  #data(streamId: number, size: number): void {
    const sent = (this.#sent.get(streamId) ?? 0) + size;
    this.#sent.set(streamId, sent);
    this.#all += size;
    if (this.#all > this.#peer.connectionWindow) throw new Error("sent more than the connection's window");
    if (sent > this.#peer.mostInitialWindow + (this.#peer.streamWindows.get(streamId) ?? 0))
      throw new Error(`sent more than the window of stream ${streamId}`);
  }
}
