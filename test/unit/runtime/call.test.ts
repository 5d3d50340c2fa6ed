import { afterEach, describe, expect, onTestFinished, test } from "vitest";
import { background, Code, type RpcError, type RunningServer } from "../../../src/runtime/index.ts";
import { closeTargets } from "../../../src/runtime/internal/client/targets.ts";
import { echoClient, serveEcho } from "../../support/echo.ts";

afterEach(() => closeTargets());

async function started(...args: Parameters<typeof serveEcho>): Promise<RunningServer> {
  const server = await serveEcho(...args);
  onTestFinished(() => server.stop());
  return server;
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

async function failureOf(promise: Promise<unknown>): Promise<RpcError> {
  return await promise.then(
    () => expect.unreachable("the call succeeded"),
    (error: unknown) => error as RpcError,
  );
}

describe("all four kinds of calls", () => {
  test("one request, one answer", async () => {
    const { address } = await started();
    const reply = await echoClient(address).say(background(), { text: "hello", number: 2n ** 60n });
    expect(reply).toMatchObject({ text: "hello", number: 2n ** 60n });
  });

  test("a stream of answers", async () => {
    const { address } = await started();
    const replies = await collect(echoClient(address).count(background(), { to: 1_000 }));
    expect(replies.map(({ number }) => Number(number))).toEqual(Array.from({ length: 1_000 }, (_, i) => i + 1));
  });

  test("a stream of requests", async () => {
    const { address } = await started();
    const reply = await echoClient(address).join(background(), [{ text: "one" }, { text: "stack" }]);
    expect(reply.text).toBe("one stack");
  });

  test("streams both ways", async () => {
    const { address } = await started();
    const words = ["a", "b", "c"].map((text) => ({ text }));
    expect((await collect(echoClient(address).chat(background(), words))).map(({ text }) => text)).toEqual([
      "A",
      "B",
      "C",
    ]);
  });
});

describe("errors", () => {
  test("code, reason, message, fields and id arrive as they were thrown", async () => {
    const { address } = await started();
    const error = await failureOf(echoClient(address).say(background(), { text: "fail" }));
    expect(error).toMatchObject({
      code: Code.NotFound,
      message: "nothing to say",
      reason: "SILENCE",
      fields: { text: "fail" },
    });
  });

  test("in streams too, after the answers that came before", async () => {
    const { address } = await started({
      count: async function* () {
        yield { number: 1n };
        throw new Error("broke");
      },
    });
    const seen: unknown[] = [];
    const error = await failureOf(
      (async () => {
        for await (const reply of echoClient(address).count(background(), { to: 2 })) seen.push(reply);
      })(),
    );
    expect(seen).toHaveLength(1);
    expect(error).toMatchObject({ code: Code.Unknown, message: "broke" });
  });

  test("a method that nobody serves is UNIMPLEMENTED; a port where nobody listens UNAVAILABLE, both at once", async () => {
    const start = performance.now();
    const error = await failureOf(echoClient("127.0.0.1:1").say(background(), { text: "x" }));
    expect(error.code).toBe(Code.Unavailable);
    expect(performance.now() - start).toBeLessThan(5_000);
  });
});

describe("deadlines and cancels", () => {
  test("a child never outlives its parent, and the callee learns of the deadline", async () => {
    let remaining: number | undefined;
    const { address } = await started({
      say: (ctx) => {
        remaining = ctx.remaining();
        return {};
      },
    });
    await echoClient(address).say(background().withTimeout(2_000).withTimeout(60_000), { text: "x" });
    expect(remaining).toBeGreaterThan(500);
    expect(remaining).toBeLessThanOrEqual(2_000);
  });

  test("a late answer is DEADLINE_EXCEEDED for the caller, and the callee's signal ends", async () => {
    const ended = Promise.withResolvers<void>();
    const { address } = await started({
      say: async (ctx) => {
        ctx.signal.addEventListener("abort", () => ended.resolve());
        await ended.promise;
        return {};
      },
    });
    // Long enough for the callee to begin, also on a busy machine.
    const error = await failureOf(echoClient(address).say(background(), { text: "x" }, { timeoutMs: 2_000 }));
    expect(error.code).toBe(Code.DeadlineExceeded);
    await ended.promise;
  });

  test("a cancel reaches the callee", async () => {
    const begun = Promise.withResolvers<void>();
    const ended = Promise.withResolvers<void>();
    const { address } = await started({
      say: async (ctx) => {
        ctx.signal.addEventListener("abort", () => ended.resolve());
        begun.resolve();
        await ended.promise;
        return {};
      },
    });
    const { ctx, cancel } = background().withCancel();
    const call = failureOf(echoClient(address).say(ctx, { text: "x" }));
    await begun.promise;
    cancel();
    expect((await call).code).toBe(Code.Cancelled);
    await ended.promise;
  });
});

describe("instances", () => {
  test("calls go round: each of three gets its share", async () => {
    const counts = [0, 0, 0];
    const servers = await Promise.all(
      counts.map((_, index) =>
        started({
          say: () => {
            counts[index] = (counts[index] ?? 0) + 1;
            return {};
          },
        }),
      ),
    );
    const client = echoClient(...servers.map(({ address }) => address));
    await Promise.all(Array.from({ length: 3_000 }, () => client.say(background(), { text: "x" })));
    for (const count of counts) expect(Math.abs(count - 1_000)).toBeLessThanOrEqual(50);
  });

  test("one that is not there costs no call: the next one answers", async () => {
    const { address } = await started();
    const client = echoClient("127.0.0.1:1", address);
    const replies = await Promise.all(Array.from({ length: 20 }, () => client.say(background(), { text: "x" })));
    expect(replies).toHaveLength(20);
  });

  test("a server that stops lets its calls end", async () => {
    const begun = Promise.withResolvers<void>();
    const release = Promise.withResolvers<void>();
    const server = await serveEcho({
      say: async () => {
        begun.resolve();
        await release.promise;
        return { text: "done" };
      },
    });
    const call = echoClient(server.address).say(background(), { text: "x" });
    await begun.promise;
    const stopping = server.stop();
    release.resolve();
    expect((await call).text).toBe("done");
    await stopping;
  });
});
