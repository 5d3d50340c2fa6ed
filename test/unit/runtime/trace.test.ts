import * as fc from "fast-check";
import { afterEach, describe, expect, onTestFinished, test } from "vitest";
import {
  background,
  cause,
  Code,
  Context,
  currentContext,
  RpcError,
  runWith,
  toRpcError,
  trace,
  type RunningServer,
} from "../../../src/runtime/index.ts";
import { framesOfError } from "../../../src/runtime/error.ts";
import { shortFrame } from "../../../src/runtime/frame.ts";
import { closeTargets } from "../../../src/runtime/internal/client/targets.ts";
import { decodeError, detailsHeader, encodeError } from "../../../src/runtime/internal/status-details.ts";
import { echoClient, serveEcho } from "../../support/echo.ts";

afterEach(() => closeTargets());

async function started(...args: Parameters<typeof serveEcho>): Promise<RunningServer> {
  const server = await serveEcho(...args);
  onTestFinished(() => server.stop());
  return server;
}

describe("trace", () => {
  test("adds one frame: function, file and line of its caller", () => {
    function lookUp(): Error {
      return trace(new Error("gone"));
    }
    const [frame] = framesOfError(lookUp());
    expect(frame).toMatchObject({ function: "lookUp", file: "test/unit/runtime/trace.test.ts" });
    expect(frame?.line).toBeGreaterThan(0);
  });

  test("takes anything that was thrown, and cycles of causes end", () => {
    expect(trace("text").message).toBe("text");
    expect(trace(undefined)).toBeInstanceOf(Error);
    const error = new Error("a");
    error.cause = error;
    expect(toRpcError(error).code).toBe(Code.Unknown);
    expect(() => encodeError(toRpcError(error), {})).not.toThrow();
  });

  test("cause gives the origin", () => {
    const origin = new Error("origin");
    expect(cause(new Error("outer", { cause: new Error("middle", { cause: origin }) }))).toBe(origin);
  });
});

test("through three services the first caller sees one stack, its own frames first", async () => {
  const last = await started(
    {
      say: (ctx) => {
        throw ctx.trace(
          new RpcError(Code.NotFound, "product not found", {
            reason: "NO_PRODUCT",
            fields: { productId: "012345" },
            cause: new Error("no row"),
          }),
        );
      },
    },
    { name: "product" },
  );
  const middle = await started(
    {
      say: async (ctx, { text }) => {
        try {
          return await echoClient(last.address).say(ctx, { text });
        } catch (error) {
          throw ctx.trace(error);
        }
      },
    },
    { name: "order" },
  );
  async function checkout(): Promise<void> {
    await echoClient(middle.address).say(background(), { text: "x" });
  }
  const error = await checkout().then(
    () => expect.unreachable("the call succeeded"),
    (error: unknown) => error as RpcError,
  );
  expect(error).toMatchObject({
    code: Code.NotFound,
    reason: "NO_PRODUCT",
    fields: { productId: "012345" },
    remoteCauses: ["no row"],
  });
  const stack = framesOfError(error).map(shortFrame);
  expect(stack[0]).toMatch(/checkout:\d+$/);
  const services = framesOfError(error).map(({ service }) => service);
  expect(services.indexOf("order")).toBeGreaterThan(0);
  expect(services.lastIndexOf("product")).toBe(services.length - 1);
  expect(services.indexOf("product")).toBeGreaterThan(services.lastIndexOf("order"));
});

test("an error that nobody traced still tells where it was made and which method served", async () => {
  const server = await started({
    say: () => {
      throw new Error("forgotten");
    },
  });
  const error = await echoClient(server.address)
    .say(background(), { text: "x" })
    .catch((error: unknown) => error as Error);
  const frames = framesOfError(error as Error);
  expect(frames.some(({ file, line }) => file.endsWith("trace.test.ts") && line > 0)).toBe(true);
  expect(frames.some(({ method }) => method === "/test.Echo/Say")).toBe(true);
});

test("whatever an error holds, its trailers stay within what peers take, and code, reason and first frame survive", () => {
  const messages = fc.oneof(fc.string(), fc.string({ unit: "binary" }), fc.constant("x".repeat(1_000_000)));
  fc.assert(
    fc.property(
      messages,
      fc.dictionary(fc.string(), fc.string({ maxLength: 5_000 }), { maxKeys: 80 }),
      fc.integer({ min: 0, max: 2_000 }),
      (message, fields, depth) => {
        let error: Error = new RpcError(Code.Aborted, message, {
          reason: "BECAUSE",
          fields,
          cause: new Error(message),
        });
        for (let i = 0; i < depth; i++) error = trace(error);
        const { status, trailers } = encodeError(error as RpcError, { service: "s", method: "/m" });
        const bytes = trailers.reduce(
          (sum, [name, value]) => sum + name.length + Math.ceil(value.length / 3) * 4,
          "grpc-message".length + Buffer.byteLength(encodeURIComponent(status.message)),
        );
        expect(trailers.length).toBe(1);
        expect(trailers[0]?.[0]).toBe(detailsHeader);
        expect(bytes).toBeLessThanOrEqual(7_680);
        const decoded = decodeError(status, trailers);
        expect(decoded).toMatchObject({ code: Code.Aborted, reason: "BECAUSE" });
        if (depth > 0) expect(framesOfError(decoded).length).toBeGreaterThan(0);
      },
    ),
    { numRuns: 60 },
  );
});

describe("context", () => {
  test("is found in everything a request starts, and a thousand requests never mix", async () => {
    await Promise.all(
      Array.from({ length: 1_000 }, (_, index) =>
        runWith(background(), async () => {
          currentContext().setField("n", index);
          await new Promise(setImmediate);
          expect(currentContext().fields.get("n")).toBe(String(index));
        }),
      ),
    );
  });

  test("a chain of calls ends at the hop limit with a code that names the way", async () => {
    let calls = 0;
    const server: RunningServer = await started({
      say: async (ctx) => {
        calls++;
        return await echoClient(server.address).say(ctx, { text: "again" });
      },
    });
    const error = await echoClient(server.address)
      .say(background(), { text: "x" })
      .catch((error: unknown) => error as RpcError);
    expect(error).toMatchObject({ code: Code.FailedPrecondition, reason: "HOP_LIMIT" });
    expect((error as RpcError).message).toContain("echo → echo");
    expect(calls).toBeLessThanOrEqual(16);
  });

  test("a deadline far away does not overflow a timer", async () => {
    const ctx = Context.create().withTimeout(2 ** 40);
    await new Promise(setImmediate);
    expect(ctx.signal.aborted).toBe(false);
  });
});
