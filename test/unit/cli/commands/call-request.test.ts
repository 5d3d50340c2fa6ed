import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  parseHeaders,
  parseRequests,
  parseTimeout,
  parseWords,
  readRequests,
} from "../../../../src/cli/commands/call/request.ts";

describe("the words of flow call", () => {
  it.each(["/common.Product/Get", "common.Product/Get", "common.Product.Get"])("name a method as %s", (method) => {
    expect(parseWords([method])).toEqual({ service: undefined, method: "/common.Product/Get", json: undefined });
    expect(parseWords(["product", method, "{}"])).toEqual({
      service: "product",
      method: "/common.Product/Get",
      json: "{}",
    });
  });

  it.each([[["product"]], [["product", "Get"]], [["/a.B/C", "{}", "{}"]], [["/a.B/C/D"]]])(
    "are refused when they are %j",
    (words) => {
      expect(() => parseWords(words)).toThrow(expect.objectContaining({ code: "FLOW_USAGE" }));
    },
  );

  it("hold headers and durations", () => {
    expect(parseHeaders(["Authorization=Bearer a=b", "x="])).toEqual({ authorization: "Bearer a=b", x: "" });
    expect(() => parseHeaders(["authorization"])).toThrow(expect.objectContaining({ code: "FLOW_USAGE" }));
    expect(["500ms", "5s", "2m", "3", "1.5s"].map(parseTimeout)).toEqual([500, 5_000, 120_000, 3_000, 1_500]);
    for (const bad of ["soon", "0", "-1s", ""]) expect(() => parseTimeout(bad)).toThrow(/duration/);
  });
});

describe("requests", () => {
  it("are one document, several, or an array of them", () => {
    expect(parseRequests('{"a": "}\\"{"}')).toEqual([{ a: '}"{' }]);
    expect(parseRequests('{"a":1}\n{"b":{"c":[2]}} {"d":3}')).toEqual([{ a: 1 }, { b: { c: [2] } }, { d: 3 }]);
    expect(parseRequests('[{"a":1},{"b":2}]')).toEqual([{ a: 1 }, { b: 2 }]);
    expect(parseRequests('"text"')).toEqual(["text"]);
  });

  it.each(["{", "{a:1}", '{"a":1', "nonsense", '{"a":1}}'])("that are no JSON are refused: %s", (text) => {
    expect(() => parseRequests(text)).toThrow(expect.objectContaining({ code: "FLOW_USAGE" }));
  });

  it("arrive on a stream however it is cut", async () => {
    const value = fc.record({
      text: fc.string({ unit: "grapheme" }),
      list: fc.array(fc.string()),
      more: fc.option(fc.jsonValue()),
    });
    const documents = fc.array(value, { minLength: 1, maxLength: 5 });
    await fc.assert(
      fc.asyncProperty(documents, fc.integer({ min: 1, max: 7 }), fc.boolean(), async (requests, size, pretty) => {
        const bytes = Buffer.from(requests.map((request) => JSON.stringify(request, null, pretty ? 2 : 0)).join("\n"));
        const chunks = Array.from({ length: Math.ceil(bytes.length / size) }, (_, at) =>
          bytes.subarray(at * size, (at + 1) * size),
        );
        const read = await Array.fromAsync(
          readRequests(
            (async function* () {
              yield* chunks;
            })(),
          ),
        );
        expect(JSON.stringify(read)).toBe(JSON.stringify(requests));
      }),
    );
  });

  it("are handed on as soon as they are whole", async () => {
    const gate = Promise.withResolvers<void>();
    const requests = readRequests(
      (async function* () {
        yield '{"a":1}\n{"b"';
        await gate.promise;
        yield ":2}";
      })(),
    );
    expect((await requests.next()).value).toEqual({ a: 1 });
    gate.resolve();
    expect((await requests.next()).value).toEqual({ b: 2 });
  });
});
