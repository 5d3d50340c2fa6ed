import { afterEach, expect, test } from "vitest";
import { createAccessor } from "../../../src/runtime/codegen.ts";
import { background, Code } from "../../../src/runtime/index.ts";
import { closeTargets } from "../../../src/runtime/internal/client/targets.ts";
import { serveInMemory } from "../../../src/runtime/testing.ts";
import { Echo } from "../../fixtures/proto/test/echo_pb.ts";
import { EchoService } from "../../support/echo.ts";

const getEcho = createAccessor(Echo, { service: "echo" });

afterEach(() => closeTargets());

test("a service in memory answers all kinds of calls as it does over the network", async () => {
  await using echo = serveInMemory(new EchoService(), { name: "echo" });
  expect(echo.close).toBeTypeOf("function");
  expect((await getEcho().say(background(), { text: "hi" })).text).toBe("hi");
  const counted: number[] = [];
  for await (const { number } of getEcho().count(background(), { to: 50 })) counted.push(Number(number));
  expect(counted).toHaveLength(50);
  expect((await getEcho().join(background(), [{ text: "a" }, { text: "b" }])).text).toBe("a b");
  const words: string[] = [];
  for await (const { text } of getEcho().chat(background(), [{ text: "a" }])) words.push(text);
  expect(words).toEqual(["A"]);
});

test("errors keep their code and reason, deadlines end a call that hangs", async () => {
  await using echo = serveInMemory(
    new EchoService({
      private: async (ctx) => {
        await new Promise((resolve) => ctx.signal.addEventListener("abort", resolve));
        return {};
      },
    }),
    { name: "echo" },
  );
  expect(echo.close).toBeTypeOf("function");
  await expect(getEcho().say(background(), { text: "fail" })).rejects.toMatchObject({
    code: Code.NotFound,
    reason: "SILENCE",
  });
  await expect(getEcho().private(background(), { text: "x" }, { timeoutMs: 50 })).rejects.toMatchObject({
    code: Code.DeadlineExceeded,
  });
});

test("once closed, the service is gone", async () => {
  const service = serveInMemory(new EchoService(), { name: "echo" });
  await service.close();
  await expect(getEcho().say(background(), { text: "x" })).rejects.toMatchObject({ code: Code.Unavailable });
});
