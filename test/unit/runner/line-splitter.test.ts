import * as fc from "fast-check";
import { expect, test } from "vitest";
import { LineSplitter } from "../../../src/runner/supervisor/line-splitter.ts";

/** What comes out for bytes that arrive in these pieces. */
function split(chunks: readonly Uint8Array[]): string[] {
  const lines: string[] = [];
  const splitter = new LineSplitter((taken) => lines.push(...taken));
  for (const chunk of chunks) splitter.push(Buffer.from(chunk));
  splitter.end();
  return lines;
}

/** `bytes` cut at these places. */
function cut(bytes: Buffer, places: readonly number[]): Buffer[] {
  const at = [...new Set(places.map((place) => place % (bytes.length + 1)))].sort((a, b) => a - b);
  return [0, ...at].map((from, index) => bytes.subarray(from, at[index] ?? bytes.length));
}

test("lines are the same wherever the bytes are cut, also in the middle of a character", () => {
  const line = fc.string({ unit: "grapheme" }).map((text) => text.replaceAll(/[\r\n]/g, ""));
  fc.assert(
    fc.property(fc.array(line, { minLength: 1 }), fc.array(fc.nat(), { maxLength: 30 }), (lines, places) => {
      expect(split(cut(Buffer.from(`${lines.join("\n")}\n`), places))).toEqual(lines);
    }),
  );
});

test("the last line is given out although nothing ended it, with what there is of its last character", () => {
  expect(split([Buffer.from("one\ntwo")])).toEqual(["one", "two"]);
  expect(split([Buffer.from("ü").subarray(0, 1)])).toEqual(["\ufffd"]);
  expect(split([])).toEqual([]);
});

test("line ends of Windows are line ends, in one piece or two", () => {
  expect(split([Buffer.from("one\r\ntwo\r"), Buffer.from("\nthree")])).toEqual(["one", "two", "three"]);
});

test("a line without an end is given out in parts, and loses nothing", () => {
  const chunk = Buffer.alloc(64 * 1024, "x");
  const parts = split(Array.from({ length: 40 }, () => chunk));
  expect(parts.length).toBeGreaterThan(1);
  expect(parts.join("")).toHaveLength(40 * chunk.length);
});
