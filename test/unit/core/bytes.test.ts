import { assert, property, string, uint8Array } from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeBytes, encodeBytes, pathBelow, showPath } from "../../../src/core/bytes.ts";

describe("bytes as text", () => {
  test("come back as they were, whatever they are, also by way of JSON", () => {
    assert(
      property(uint8Array(), (bytes) => {
        const text = JSON.parse(JSON.stringify(decodeBytes(bytes))) as string;
        expect(encodeBytes(text)).toEqual(Buffer.from(bytes));
      }),
    );
  });

  test("are plain text where they are UTF-8", () => {
    assert(
      property(string({ unit: "grapheme" }), (text) => {
        expect(decodeBytes(Buffer.from(text))).toBe(text);
        expect(decodeBytes(Buffer.concat([Buffer.from([0xff]), Buffer.from(text)]))).toBe(`\udcff${text}`);
      }),
    );
  });
});

test.each([
  ["plain ü/e\u0301.txt", "plain ü/e\u0301.txt"],
  ["caf\udce9", '"caf\\351"'],
  ['a\nb\t"c\\', '"a\\nb\\t\\"c\\\\"'],
  ["\u001b[31m\u009b", '"\\033[31m\\302\\233"'],
])("a path is shown on one line, escaped as git does: %j", (path, shown) => {
  expect(showPath(path)).toBe(shown);
});

test("a path that no string says is given to the file system as bytes", () => {
  expect(pathBelow("/x", "a/b")).toBe("/x/a/b");
  expect(pathBelow("/x", "a/\udcff")).toEqual(Buffer.from("/x/a/\xff", "latin1"));
});
