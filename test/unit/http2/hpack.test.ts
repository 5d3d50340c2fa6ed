import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { HpackDecoder, HpackError } from "../../../src/http2/hpack/decoder.ts";
import { HpackEncoder, prepareFields } from "../../../src/http2/hpack/encoder.ts";
import { HeaderField } from "../../../src/http2/hpack/field.ts";
import { huffmanDecode, huffmanEncode, huffmanLength } from "../../../src/http2/hpack/huffman.ts";

const octets = fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes).toString("latin1"));
const names = fc.constantFrom(
  ":path",
  "x-a",
  "x-b",
  "authorization",
  "content-type",
  "grpc-timeout",
  "x-many-many-many",
);
const field = fc
  .tuple(names, fc.oneof(octets, fc.constantFrom("one", "two", "three")), fc.boolean())
  .map(([name, value, sensitive]) => new HeaderField(name, value, sensitive && value.length > 30));

function decodeHex(hex: string, decoder: HpackDecoder): string[] {
  const bytes = Buffer.from(hex.replaceAll(" ", ""), "hex");
  return decoder.decode(bytes, 0, bytes.length, 100_000).fields.map(({ name, value }) => `${name}: ${value}`);
}

describe("Huffman", () => {
  test("gives every string back, in the length it said", () => {
    fc.assert(
      fc.property(octets, (text) => {
        const encoded = Buffer.alloc(text.length * 4 + 8);
        const end = huffmanEncode(text, encoded, 0);
        expect(end).toBe(huffmanLength(text));
        const decoded = Buffer.alloc(end * 2);
        expect(decoded.toString("latin1", 0, huffmanDecode(encoded, 0, end, decoded))).toBe(text);
      }),
    );
  });

  test("refuses the end-of-string symbol, padding of zeros and padding of more than seven bits", () => {
    for (const bytes of [[0xff, 0xff, 0xff, 0xff], [0x00], [0x1f, 0xff]])
      expect(huffmanDecode(Uint8Array.from(bytes), 0, bytes.length, Buffer.alloc(64))).toBe(-1);
  });
});

describe("HPACK", () => {
  test("decodes the requests and responses of RFC 7541 appendix C with Huffman code and an evicting table", () => {
    const requests = new HpackDecoder(4_096);
    expect(decodeHex("8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff", requests)).toEqual([
      ":method: GET", ":scheme: http", ":path: /", ":authority: www.example.com",
    ]); // prettier-ignore
    expect(decodeHex("8286 84be 5886 a8eb 1064 9cbf", requests).at(-1)).toBe("cache-control: no-cache");
    expect(decodeHex("8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf", requests).at(-1)).toBe(
      "custom-key: custom-value",
    );
  });

  test("whatever lists, table sizes and changes of them: the decoder gets what the encoder was given", () => {
    const step = fc.oneof(
      { weight: 6, arbitrary: fc.array(field, { maxLength: 8 }) },
      { weight: 1, arbitrary: fc.nat(5_000) },
    );
    fc.assert(
      fc.property(fc.nat(8_000), fc.array(step, { maxLength: 60 }), (capacity, steps) => {
        const encoder = new HpackEncoder(capacity);
        const decoder = new HpackDecoder(Math.max(4_096, capacity));
        const buffer = Buffer.alloc(20_000);
        for (const item of steps) {
          if (typeof item === "number") {
            encoder.limit(item);
            decoder.limit(item);
            continue;
          }
          const end = encoder.encode(item, buffer, 0);
          expect(end).toBeLessThanOrEqual(encoder.room(item));
          const { fields } = decoder.decode(buffer, 0, end, 1_000_000);
          expect(fields.map(({ name, value }) => [name, value])).toEqual(item.map(({ name, value }) => [name, value]));
          for (const [index, { sensitive }] of item.entries())
            if (sensitive) expect(fields[index]?.sensitive).toBe(true);
        }
      }),
      { numRuns: 300 },
    );
  });

  test("a peer may fill the protocol's table until it knows that ours is smaller, and has to shrink it then", () => {
    const buffer = Buffer.alloc(20_000);
    const list = Array.from({ length: 20 }, (_, index) => new HeaderField(`x-${index}`, "v".repeat(100)));
    const [encoder, decoder] = [new HpackEncoder(4_096), new HpackDecoder(500)];
    const pass = () => decoder.decode(buffer, 0, encoder.encode(list, buffer, 0), 10_000).fields.length;
    expect([pass(), pass()]).toEqual([20, 20]);
    decoder.limit(500);
    expect(pass).toThrow("not made smaller");
    encoder.limit(500);
    expect(pass()).toBe(20);
  });

  test("a prepared list follows the table however it changes", () => {
    const encoder = new HpackEncoder(4_096);
    const decoder = new HpackDecoder(4_096);
    const buffer = Buffer.alloc(4_096);
    const prepared = prepareFields([new HeaderField(":status", "200"), new HeaderField("x-app", "a")]);
    for (let round = 0; round < 200; round++) {
      if (round % 3 === 0) {
        const other = [new HeaderField(`x-${round}`, "v".repeat(round))];
        decoder.decode(buffer, 0, encoder.encode(other, buffer, 0), 10_000);
      }
      const { fields } = decoder.decode(buffer, 0, encoder.encodePrepared(prepared, buffer, 0), 10_000);
      expect(fields.map(({ value }) => value)).toEqual(["200", "a"]);
    }
  });

  test("random bytes are decoded or refused, never more", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        try {
          new HpackDecoder(4_096).decode(Buffer.from(bytes), 0, bytes.length, 1_000);
        } catch (error) {
          expect(error).toBeInstanceOf(HpackError);
        }
      }),
      { numRuns: 2_000 },
    );
  });

  test("a small block that names a large entry a thousand times costs no memory", () => {
    const decoder = new HpackDecoder(4_096);
    const encoder = new HpackEncoder(4_096);
    const buffer = Buffer.alloc(8_192);
    const large = new HeaderField("x-large", "v".repeat(1_900));
    decoder.decode(buffer, 0, encoder.encode([large], buffer, 0), 10_000);
    const bomb = Buffer.alloc(1_000, 0xbe);
    const { fields, tooLarge } = decoder.decode(bomb, 0, bomb.length, 10_000);
    expect(tooLarge).toBe(true);
    expect(fields.length).toBeLessThan(6);
  });
});
