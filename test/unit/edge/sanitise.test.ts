import * as fc from "fast-check";
import { text } from "node:stream/consumers";
import { Readable } from "node:stream";
import { describe, expect, it } from "vitest";
import { errorIdOf, outsideStatus, StreamSanitiser } from "../../../src/edge/sanitise.ts";

const info = {
  "@type": "type.googleapis.com/google.rpc.ErrorInfo",
  reason: "PRODUCT_NOT_FOUND",
  domain: "flow",
  metadata: { productId: "012345", "flow.id": "abc123" },
};
const debug = {
  "@type": "type.googleapis.com/google.rpc.DebugInfo",
  stackEntries: ["product Get get (product.ts:95)"],
  detail: "connect ECONNREFUSED 10.0.0.7:5432",
};
const foreign = { "@type": "type.googleapis.com/acme.Internal", secret: "s3cr3t" };

describe("an error on its way out", () => {
  it("keeps code, message, reason and fields that its author wrote, and loses stack, causes and unknown details", () => {
    expect(
      outsideStatus(
        { code: 5, status: "NOT_FOUND", message: "product not found", details: [info, debug, foreign] },
        404,
      ),
    ).toEqual({
      code: 5,
      status: "NOT_FOUND",
      message: "product not found",
      details: [info],
    });
  });

  it.each([2, 13, 15])("that nobody foresaw (code %i) loses its text and fields and keeps its id", (code) => {
    const outside = outsideStatus({ code, message: "duplicate key in table users", details: [info, debug] }, 500);
    expect(JSON.stringify(outside)).not.toMatch(/users|012345|ECONNREFUSED|PRODUCT/);
    expect(errorIdOf(outside)).toBe("abc123");
  });

  it.each([undefined, null, "Error: boom\n    at x.js:1", [], {}, { code: "5" }, { code: 99 }, { error: "x" }])(
    "that is no google.rpc.Status (%j) says nothing",
    (body) => {
      expect(outsideStatus(body, 500)).toEqual({
        code: 13,
        status: "INTERNAL",
        message: "internal error",
        details: [],
      });
      expect(outsideStatus(body, 404)).toEqual({
        code: 2,
        status: "UNKNOWN",
        message: "the request failed",
        details: [],
      });
    },
  );
});

async function throughSanitiser(chunks: readonly Buffer[]): Promise<string> {
  return await text(Readable.from(chunks).pipe(new StreamSanitiser()));
}

/** Cuts a text into pieces at the given places. */
function cut(bytes: Buffer, places: readonly number[]): Buffer[] {
  const at = [...new Set(places.map((place) => place % (bytes.length + 1)))].sort((a, b) => a - b);
  return [...at, bytes.length]
    .map((end, index) => bytes.subarray(at[index - 1] ?? 0, end))
    .filter(({ length }) => length > 0);
}

describe("an error within a stream", () => {
  const error = JSON.stringify({ error: { code: 13, message: "table users", details: [info, debug] } });

  it.each(["", "data: "])("is cleaned in the last line, however the stream is cut (prefix %j)", async (prefix) => {
    const stream = Buffer.from(`${prefix}{"result":{"name":"Ä"}}\n${prefix}{"e":1}\n${prefix}${error}\n`);
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat()), async (places) => {
        const out = await throughSanitiser(cut(stream, places));
        expect(
          out.startsWith(
            `${prefix}{"result":{"name":"Ä"}}\n${prefix}{"e":1}\n${prefix}{"error":{"code":13,"message":"internal error"`,
          ),
        ).toBe(true);
        expect(out).not.toMatch(/users|ECONNREFUSED/);
      }),
      { numRuns: 100 },
    );
  });

  it("is cleaned without a newline at its end", async () => {
    expect(await throughSanitiser([Buffer.from(error)])).not.toMatch(/users|ECONNREFUSED/);
  });

  it("changes no other byte", async () => {
    const line = fc.oneof(
      fc.string(),
      fc.constant('{"error'),
      fc.constant("data:"),
      fc.constant('{"error": 5'),
      fc.constant('{"errors":[]}'),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(line), fc.array(fc.nat()), async (lines, places) => {
        const stream = Buffer.from(lines.join("\n"));
        expect(await throughSanitiser(cut(stream, places))).toBe(stream.toString());
      }),
      { numRuns: 200 },
    );
  });

  it("is told from a message before the line's end, so that long messages flow", async () => {
    const sanitiser = new StreamSanitiser();
    sanitiser.write('{"result":"a long message that has only beg');
    expect(String(sanitiser.read())).toContain("a long message");
  });
});
