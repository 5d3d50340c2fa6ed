import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { poll } from "../../../src/core/retry.ts";
import { createConsul } from "../../../src/runtime/consul/index.ts";

interface Question {
  query: URLSearchParams;
  /** When it came, in ms. */
  at: number;
  answer(services: object, index: number): void;
  fail(): void;
}

/** A server in the place of a Consul agent, whose answers the test gives one by one. */
async function scriptedConsul() {
  const questions: Question[] = [];
  const open = new Set<ServerResponse>();
  const server = createServer((request, response) => {
    open.add(response);
    questions.push({
      query: new URL(request.url ?? "/", "http://consul").searchParams,
      at: performance.now(),
      answer: (services, index) => {
        response.setHeader("content-type", "application/json").setHeader("x-consul-index", index);
        response.end(JSON.stringify(services));
      },
      fail: () => response.writeHead(500).end("No cluster leader"),
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  const stop = new AbortController();
  onTestFinished(() => stop.abort());
  const changes: object[] = [];
  const errors: unknown[] = [];
  createConsul({ address: `127.0.0.1:${(server.address() as AddressInfo).port}` }).watchCatalog({
    signal: stop.signal,
    onChange: (services) => changes.push(services),
    onError: (error) => errors.push(error),
  });
  /** The question with this number, from 0, once it was asked. */
  const question = async (at: number): Promise<Question> => {
    const asked = await poll(() => questions[at], { timeoutMs: 20_000, everyMs: 2 });
    return asked ?? expect.unreachable(`question ${at} was never asked`);
  };
  return { questions, question, changes, errors, stop };
}

test("the first question does not block, those after it block at the index of the answer", async () => {
  const { question, changes } = await scriptedConsul();
  const first = await question(0);
  expect(first.query.has("index")).toBe(false);
  first.answer({ a: [] }, 7);
  const second = await question(1);
  expect(Object.fromEntries(second.query)).toEqual({ index: "7", wait: "300s" });
  second.answer({ a: [], b: [] }, 9);
  expect((await question(2)).query.get("index")).toBe("9");
  expect(changes).toEqual([{ a: [] }, { a: [], b: [] }]);
});

test("an answer that says the same again is no change", async () => {
  const { question, changes } = await scriptedConsul();
  (await question(0)).answer({ a: ["x"] }, 1);
  (await question(1)).answer({ a: ["x"] }, 2);
  (await question(2)).answer({ a: ["x"] }, 3);
  await question(3);
  expect(changes).toEqual([{ a: ["x"] }]);
});

test("an index that goes backwards starts over, and one below 1 counts as 1", async () => {
  const { question } = await scriptedConsul();
  (await question(0)).answer({}, 50);
  (await question(1)).answer({ a: [] }, 20);
  expect((await question(2)).query.has("index")).toBe(false);
  (await question(2)).answer({}, 0);
  expect((await question(3)).query.get("index")).toBe("1");
});

test("failures are told, back off, and start over; the last list stays", async () => {
  const { question, changes, errors } = await scriptedConsul();
  (await question(0)).answer({ a: [] }, 5);
  for (let at = 1; at <= 4; at++) (await question(at)).fail();
  const fifth = await question(5);
  expect(errors).toHaveLength(4);
  expect(fifth.query.has("index")).toBe(false);
  expect(changes).toEqual([{ a: [] }]);
  // Doubling from 100 ms, each with up to half of jitter: 50 + 100 + 200 + 400 at the least.
  expect(fifth.at - (await question(1)).at).toBeGreaterThan(700);
  fifth.answer({ b: [] }, 6);
  await expect.poll(() => changes, { timeout: 10_000 }).toEqual([{ a: [] }, { b: [] }]);
});

test("an index that rises all the time is polled: two answers at once, then one each half second", async () => {
  const { question, questions, changes } = await scriptedConsul();
  const start = performance.now();
  for (let at = 0; at < 6; at++) (await question(at)).answer({ [`service-${at}`]: [] }, at + 1);
  await question(6);
  expect(performance.now() - start).toBeGreaterThan(1_800);
  expect(questions).toHaveLength(7);
  expect(changes).toHaveLength(6);
});

test("who does not want to hear any more is not asked for again", async () => {
  const { question, questions, stop, changes, errors } = await scriptedConsul();
  (await question(0)).answer({ a: [] }, 1);
  await question(1);
  stop.abort();
  (await question(1)).answer({ b: [] }, 2);
  await new Promise((resolve) => setImmediate(resolve));
  expect(questions).toHaveLength(2);
  expect(changes).toEqual([{ a: [] }]);
  expect(errors).toEqual([]);
});
