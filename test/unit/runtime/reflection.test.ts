import { Server, ServerCredentials } from "@grpc/grpc-js";
import { describe, expect, it, onTestFinished } from "vitest";
import type { JsonValue } from "@bufbuild/protobuf";
import { Code, RpcError } from "../../../src/runtime/index.ts";
import {
  callMethod,
  describeFailure,
  reflectServices,
  type CallMethodOptions,
} from "../../../src/runtime/reflection.ts";
import { serveEcho } from "../../support/echo.ts";

async function echo(overrides: Parameters<typeof serveEcho>[0] = {}): Promise<string> {
  const server = await serveEcho(overrides);
  onTestFinished(() => server.stop());
  return server.address;
}

async function call(options: CallMethodOptions): Promise<JsonValue[]> {
  const { responses } = await callMethod(options);
  return await Array.fromAsync(responses);
}

describe("reflection", () => {
  it("tells a server's services, methods, messages and options", async () => {
    const services = await reflectServices(await echo());
    const service = services.find(({ name }) => name === "test.Echo");
    expect(service?.methods).toContainEqual({
      path: "/test.Echo/Say",
      kind: "unary",
      input: "test.SayRequest",
      output: "test.SayReply",
      enable: true,
      public: true,
      upload: false,
      idempotent: true,
    });
    expect(service?.methods.map(({ path, kind, enable }) => [path, kind, enable])).toEqual([
      ["/test.Echo/Say", "unary", true],
      ["/test.Echo/Private", "unary", true],
      ["/test.Echo/Count", "server_streaming", true],
      ["/test.Echo/Join", "client_streaming", false],
      ["/test.Echo/Chat", "bidi_streaming", false],
    ]);
  });

  it("calls a method of each kind in ProtoJSON, 64-bit numbers as strings, defaults included", async () => {
    const address = await echo();
    const texts = [{ text: "a" }, { text: "b" }];
    expect(
      await call({ address, method: "/test.Echo/Say", requests: [{ text: "hi", number: "9007199254740993" }] }),
    ).toEqual([{ text: "hi", number: "9007199254740993" }]);
    expect(await call({ address, method: "/test.Echo/Say" })).toEqual([{ text: "", number: "0" }]);
    expect(await call({ address, method: "/test.Echo/Count", requests: [{ to: 2 }] })).toEqual([
      { text: "", number: "1" },
      { text: "", number: "2" },
    ]);
    expect(await call({ address, method: "/test.Echo/Join", requests: texts })).toEqual([{ text: "a b", number: "0" }]);
    expect(await call({ address, method: "/test.Echo/Chat", requests: texts })).toEqual([
      { text: "A", number: "0" },
      { text: "B", number: "0" },
    ]);
  });

  it("gives what a stream answered before it failed, and then the error with its fields and stack", async () => {
    const address = await echo({
      count: async function* () {
        yield { number: 1n };
        throw new RpcError(Code.Aborted, "no more", {
          reason: "ENOUGH",
          fields: { after: "1" },
          cause: new Error("worn out"),
        });
      },
    });
    const { responses } = await callMethod({ address, method: "/test.Echo/Count", requests: [{}] });
    const answers: JsonValue[] = [];
    const failed = (async () => {
      for await (const answer of responses) answers.push(answer);
    })();
    const error = await failed.catch((reason: unknown) => reason as RpcError);
    expect(answers).toEqual([{ text: "", number: "1" }]);
    expect(describeFailure(error as RpcError)).toMatchObject({
      code: 10,
      status: "ABORTED",
      message: "no more",
      reason: "ENOUGH",
      fields: { after: "1" },
      causes: ["worn out"],
      frames: expect.arrayContaining([expect.objectContaining({ service: "echo", method: "/test.Echo/Count" })]),
    });
  });

  it("finds what does not fit before the server hears of the call", async () => {
    let calls = 0;
    const address = await echo({ say: () => (calls++, {}) });
    const failing = (options: Omit<CallMethodOptions, "address">) =>
      call({ address, ...options }).catch((error: unknown) => error);
    expect(await failing({ method: "/test.Echo/Say", requests: [{ txt: "x" }] })).toMatchObject({
      code: Code.InvalidArgument,
      message: expect.stringMatching(/test\.SayRequest.*txt/),
    });
    expect(await failing({ method: "/test.Echo/Shout" })).toMatchObject({
      code: Code.NotFound,
      message: expect.stringContaining("Shout"),
    });
    expect(await failing({ method: "/test.Nobody/Say" })).toMatchObject({ code: Code.NotFound });
    expect(await failing({ method: "test.Echo.Say" })).toMatchObject({ code: Code.InvalidArgument });
    expect(calls).toBe(0);
  });

  it("ends with UNAVAILABLE where nobody listens, UNIMPLEMENTED where there is no reflection", async () => {
    await expect(reflectServices("127.0.0.1:9", { timeoutMs: 3_000 })).rejects.toMatchObject({
      code: Code.Unavailable,
    });
    const bare = new Server();
    const port = await new Promise<number>((resolve, reject) =>
      bare.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) =>
        error ? reject(error) : resolve(bound),
      ),
    );
    onTestFinished(() => bare.forceShutdown());
    await expect(reflectServices(`127.0.0.1:${port}`)).rejects.toMatchObject({ code: Code.Unimplemented });
  });

  it("keeps the deadline and a cancel", async () => {
    const address = await echo({
      say: (ctx) => new Promise((_, reject) => ctx.signal.addEventListener("abort", () => reject(ctx.signal.reason))),
    });
    await expect(call({ address, method: "/test.Echo/Say", timeoutMs: 300 })).rejects.toMatchObject({
      code: Code.DeadlineExceeded,
    });
    const abort = new AbortController();
    const cancelled = call({ address, method: "/test.Echo/Say", signal: abort.signal });
    setTimeout(() => abort.abort(), 100);
    await expect(cancelled).rejects.toMatchObject({ code: Code.Cancelled });
  });
});
