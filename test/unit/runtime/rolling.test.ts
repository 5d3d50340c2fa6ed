import getPort from "get-port";
import { afterEach, expect, onTestFinished, test } from "vitest";
import { poll } from "../../../src/core/retry.ts";
import { background, Code, type RunningServer } from "../../../src/runtime/index.ts";
import { closeTargets } from "../../../src/runtime/internal/client/targets.ts";
import { echoClient, serveEcho } from "../../support/echo.ts";

afterEach(() => closeTargets());

async function started(...args: Parameters<typeof serveEcho>): Promise<RunningServer> {
  const server = await serveEcho(...args);
  onTestFinished(() => server.stop());
  return server;
}

/** Addresses that nobody listens at. */
function nobody(count: number): Promise<string[]> {
  return Promise.all(Array.from({ length: count }, async () => `127.0.0.1:${await getPort()}`));
}

test("calls that cross a peer's going away were not begun, and go elsewhere, though their method may not be repeated", async () => {
  const stays = await started();
  for (let round = 0; round < 3; round++) {
    const leaves = await started();
    const client = echoClient(leaves.address, stays.address);
    const failures: unknown[] = [];
    const state = { calls: 0, rolling: true };
    const callers = Array.from({ length: 40 }, async () => {
      while (state.rolling) {
        await client.private(background(), { text: "x" }).catch((error: unknown) => failures.push(error));
        state.calls++;
      }
    });
    await poll(() => state.calls >= 200, { timeoutMs: 20_000, everyMs: 1 });
    await leaves.stop();
    const after = state.calls;
    await poll(() => state.calls >= after + 200, { timeoutMs: 20_000, everyMs: 1 });
    state.rolling = false;
    await Promise.all(callers);
    expect(failures).toEqual([]);
    expect(state.calls).toBeGreaterThanOrEqual(after + 200);
  }
});

test("instances that cannot be reached cost a call nothing but the way to the next one", async () => {
  const { address } = await started();
  const client = echoClient(...(await nobody(6)), address);
  for (let call = 0; call < 60; call++) {
    expect(await client.private(background(), { text: String(call) })).toMatchObject({ text: String(call) });
  }
});

test("a stream that reached nobody goes to the next instance", async () => {
  const { address } = await started();
  const client = echoClient(...(await nobody(3)), address);
  for (let call = 0; call < 8; call++) {
    const numbers: number[] = [];
    for await (const { number } of client.count(background(), { to: 3 })) numbers.push(Number(number));
    expect(numbers).toEqual([1, 2, 3]);
  }
});

test("where nobody can be reached the call fails soon, and says whom it tried", async () => {
  const client = echoClient(...(await nobody(2)));
  await expect(client.private(background(), { text: "x" })).rejects.toMatchObject({
    code: Code.Unavailable,
    reason: "NOT_REACHED",
    message: expect.stringMatching(/^127\.0\.0\.1:\d+: No connection established/) as string,
  });
});

test("the first of two servers of a process that stops leaves the calls of the other alone", async () => {
  const answers = await started();
  const client = echoClient(answers.address);
  await client.say(background(), { text: "x" });
  const calls = Array.from({ length: 20 }, (_, at) => client.private(background(), { text: String(at) }));
  const other = await serveEcho();
  await Promise.all([other.stop(), ...calls]);
  expect(await client.private(background(), { text: "on" })).toMatchObject({ text: "on" });
});
