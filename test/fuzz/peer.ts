import { clientPreface, Flag, FrameType } from "../../src/http2/constants.ts";
import { HpackEncoder } from "../../src/http2/hpack/encoder.ts";
import { HeaderField } from "../../src/http2/hpack/field.ts";
import { frame, setting, uint32 } from "../support/http2-raw.ts";
import type { Random } from "./random.ts";

const names = ["x-a", "x-b", "te", "content-length", "authorization", "cookie", "grpc-timeout", "X-Bad", "connection"];
const values = ["", "one", "two", "trailers", "5", "not a number", "v".repeat(300), "Bearer abc", "a\r\nb", "é", " x"];
const pseudo = [":method", ":scheme", ":path", ":authority", ":status", ":protocol"];

/**
 * What the other end of a fuzzed connection says: conversations that are mostly right, so that they come far, with
 * faults of every kind among them. It has tables, streams and windows of its own.
 */
export class FuzzPeer {
  readonly #random: Random;
  readonly #role: "client" | "server";
  readonly #encoder: HpackEncoder;
  /** How often something is wrong: one in so many; 0 for never. */
  readonly #wrong: number;
  /** Lists are short and come again: blocks of indexed fields only. */
  readonly #plain: boolean;
  #nextId = 1;
  /** What is opened for sending: by WINDOW_UPDATE and by settings, as far as it may be used. */
  connectionWindow = 65_535;
  readonly streamWindows = new Map<number, number>();
  mostInitialWindow = 65_535;
  mostFrame = 16_384;
  /** Header lists that must arrive as they are. */
  readonly sent = new Map<number, string>();

  constructor(random: Random, role: "client" | "server") {
    this.#random = random;
    this.#role = role;
    this.#encoder = new HpackEncoder(random(3) === 0 ? random(5_000) : 4_096);
    this.#plain = random(3) === 0;
    this.#wrong = [0, 6, 20, 60][random(4)] as number;
  }

  begin(): Buffer {
    const first = this.#errs() && this.#random(4) === 0 ? this.next() : this.#account(this.#settings());
    return this.#role === "client" ? Buffer.concat([clientPreface, first]) : first;
  }

  #errs(): boolean {
    return this.#wrong > 0 && this.#random(this.#wrong) === 0;
  }

  #id(): number {
    const random = this.#random;
    if (this.#errs()) return random(60);
    return 1 + 2 * random(Math.max(1, this.#role === "client" ? (this.#nextId - 1) / 2 : 6));
  }

  next(): Buffer {
    return this.#account(this.#next());
  }

  /** Notes what frames allow, those by chance included. */
  #account(bytes: Buffer): Buffer {
    for (let at = 0; at < bytes.length;) {
      const end = at + 9 + bytes.readUIntBE(at, 3);
      const [type, id] = [bytes[at + 3], bytes.readUInt32BE(at + 5) & 0x7fff_ffff];
      if (type === FrameType.WindowUpdate && end - at === 13) {
        const increment = bytes.readUInt32BE(at + 9) & 0x7fff_ffff;
        if (id === 0) this.connectionWindow += increment;
        else this.streamWindows.set(id, (this.streamWindows.get(id) ?? 0) + increment);
      }
      if (type === FrameType.Settings)
        for (let pair = at + 9; pair + 6 <= end; pair += 6) {
          const value = bytes.readUInt32BE(pair + 2);
          if (bytes.readUInt16BE(pair) === 4) this.mostInitialWindow = Math.max(this.mostInitialWindow, value);
          if (bytes.readUInt16BE(pair) === 5) this.mostFrame = Math.max(this.mostFrame, value);
        }
      at = end;
    }
    return bytes;
  }

  #next(): Buffer {
    const random = this.#random;
    if (this.#errs()) return this.#garbage();
    switch (random(14)) {
      case 0:
      case 1:
      case 2:
      case 3:
        return this.#headers();
      case 4:
      case 5:
      case 6:
        return this.#data();
      case 7:
        return this.#settings();
      case 8:
      case 9:
        return this.#windowUpdate();
      case 10:
        return frame(FrameType.Ping, random(2), 0, uint32(0, random(3)));
      case 11:
        return frame(FrameType.RstStream, 0, this.#id(), uint32(random(15)));
      case 12:
        return frame(FrameType.Priority, 0, this.#id(), Buffer.concat([uint32(random(20)), Buffer.of(random(256))]));
      default:
        return random(20) === 0
          ? frame(FrameType.GoAway, 0, 0, Buffer.concat([uint32(random(20), random(14)), Buffer.from("bye")]))
          : frame(FrameType.Settings, Flag.Ack, 0);
    }
  }

  #garbage(): Buffer {
    const random = this.#random;
    const noise = Buffer.from(Array.from({ length: random(40) }, () => random(256)));
    return frame(random(4) ? random(11) : random(256), random(256), this.#id(), noise);
  }

  #settings(): Buffer {
    const random = this.#random;
    const pairs = Array.from({ length: random(3) }, () => {
      switch (random(7)) {
        case 0:
          return setting(4, this.#errs() ? 2 ** 31 + random(10) : random(3) ? random(200_000) : random(3));
        case 1:
          return setting(5, this.#errs() ? random(16_384) : 16_384 + random(100_000));
        case 2:
          return setting(1, random(10_000));
        case 3:
          return setting(3, random(20));
        case 4:
          return setting(2, this.#errs() ? random(5) : random(2));
        default:
          return setting(random(10) + 6, random(2 ** 31));
      }
    });
    return frame(FrameType.Settings, 0, 0, Buffer.concat(pairs));
  }

  #windowUpdate(): Buffer {
    const random = this.#random;
    const id = random(2) ? 0 : this.#id();
    return frame(FrameType.WindowUpdate, 0, id, uint32(this.#errs() ? random(2 ** 31) : 1 + random(100_000)));
  }

  #fields(kind: "request" | "response" | "trailers"): { fields: HeaderField[]; good: boolean } {
    const random = this.#random;
    const fields: HeaderField[] = [];
    const add = (name: string, value: string) =>
      fields.push(new HeaderField(name, value, !this.#plain && random(5) === 0));
    if (kind === "request") {
      add(":method", random(8) ? "POST" : "GET");
      add(":scheme", "http");
      add(":path", this.#plain ? "/" : `/${random(6)}`);
      if (!this.#plain && random(2)) add(":authority", "test");
    } else if (kind === "response") add(":status", ["200", "200", "103", "404"][random(4)] as string);
    const [most, letters, texts] = this.#plain ? [2, 3, 1] : [6, 8, 3];
    for (let count = random(most); count > 0; count--)
      add(`x-${"abcdefgh"[random(letters)]}`, values[random(texts)] as string);
    if (!this.#plain && random(10) === 0)
      for (let index = 0; index < 40; index++) add(`x-many-${index % 7}`, "v".repeat(random(1_200)));
    const good = !this.#errs();
    if (!good) {
      const name = random(3) ? (names[random(names.length)] as string) : (pseudo[random(pseudo.length)] as string);
      fields.splice(
        random(fields.length + 1),
        random(2),
        new HeaderField(name, values[random(values.length)] as string),
      );
    }
    return { fields, good };
  }

  #headers(): Buffer {
    const random = this.#random;
    if (random(6) === 0) this.#encoder.limit(random(4_097));
    const begins = this.#role === "client" && random(3) > 0;
    const id = begins ? this.#nextId : this.#id();
    if (begins) this.#nextId += 2;
    const kind = begins ? "request" : this.#role === "server" && random(3) ? "response" : "trailers";
    const { fields, good } = this.#fields(kind);
    const target = Buffer.alloc(this.#encoder.room(fields) * 2);
    const block = target.subarray(0, this.#encoder.encode(fields, target, 0));
    if (begins && good) this.sent.set(id, textOf(fields));
    return this.#cut(block, id, kind === "trailers" || random(3) === 0);
  }

  /** HEADERS with padding and priority now and then, and CONTINUATION frames. */
  #cut(block: Buffer, id: number, ends: boolean): Buffer {
    const random = this.#random;
    const cuts = block.length > 16_000 ? 4 : random(5) === 0 ? random(4) : 0;
    const parts = Array.from({ length: cuts + 1 }, (_, index) =>
      block.subarray((index * block.length) / (cuts + 1), ((index + 1) * block.length) / (cuts + 1)),
    );
    const frames = parts.map((part, index) => {
      const last = index === cuts && !this.#errs() ? Flag.EndHeaders : 0;
      if (index > 0) return frame(FrameType.Continuation, last, id, part);
      const padding = random(6) === 0 ? random(20) : -1;
      const priority = random(6) === 0 ? Buffer.concat([uint32(random(9)), Buffer.of(random(256))]) : Buffer.alloc(0);
      const flags =
        last | (ends ? Flag.EndStream : 0) | (padding < 0 ? 0 : Flag.Padded) | (priority.length ? Flag.Priority : 0);
      const around = padding < 0 ? [priority, part] : [Buffer.of(padding), priority, part, Buffer.alloc(padding)];
      return frame(FrameType.Headers, flags, id, Buffer.concat(around));
    });
    return Buffer.concat(frames);
  }

  #data(): Buffer {
    const random = this.#random;
    const size = random(4) ? random(300) : random(16_000);
    const padded = random(6) === 0;
    const padding = padded ? (this.#errs() ? size + 1 + random(50) : random(50)) : 0;
    const flags = (random(5) === 0 ? Flag.EndStream : 0) | (padded ? Flag.Padded : 0);
    const content = Buffer.alloc(size, "data");
    const around = padded ? [Buffer.of(padding & 255), content, Buffer.alloc(padding & 255)] : [content];
    return frame(FrameType.Data, flags, this.#id(), Buffer.concat(around).subarray(0, 16_384));
  }
}

export function textOf(fields: readonly HeaderField[]): string {
  return fields.map(({ name, value, sensitive }) => `${name}: ${value}${sensitive ? " !" : ""}`).join("\n");
}
