import { appendFile, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { LogMerge } from "../../../src/runner/log-merge.ts";
import { readLogs } from "../../../src/runner/read-logs.ts";
import { LogStore } from "../../../src/runner/supervisor/log-store.ts";
import { tempDirectory } from "../../support/temp.ts";

const all = { services: [] };

function texts(lines: Iterable<{ line: string }>): string[] {
  return Array.from(lines, ({ line }) => line);
}

test("lines of several services come in the order in which they were taken", async () => {
  const dir = await tempDirectory();
  const store = new LogStore(dir);
  const expected = Array.from({ length: 300 }, (_, index) => `line ${index}`);
  for (const [index, line] of expected.entries()) store.append(["a", "b", "c"][(index * 7) % 3] as string, [line]);
  store.close();
  expect(texts(readLogs(dir, all))).toEqual(expected);
  expect(texts(readLogs(dir, { services: ["b"] }))).toHaveLength(100);
});

test("what is newer than the limit comes with a later call, and nothing comes twice", async () => {
  const dir = await tempDirectory();
  const store = new LogStore(dir);
  const merge = new LogMerge(dir, all);
  store.append("a", ["1"]);
  const [first] = [...merge.take()];
  store.append("b", ["2", "3"]);
  expect([...merge.take(first)]).toEqual([]);
  expect(texts(merge.take())).toEqual(["2", "3"]);
  expect([...merge.take()]).toEqual([]);
  merge.close();
  store.close();
});

test("files are put aside by size, so many are kept, and what is left has no gap", async () => {
  const dir = await tempDirectory();
  const store = new LogStore(dir, { mostBytes: 2_000, kept: 2 });
  for (let index = 1; index <= 500; index++) store.append("a", [`line ${index}`]);
  store.close();
  expect((await readdir(dir)).sort()).toEqual(["a.log", "a.log.1", "a.log.2"]);
  for (const name of await readdir(dir)) expect((await stat(join(dir, name))).size).toBeLessThan(2_200);
  const numbers = Array.from(readLogs(dir, all), ({ number }) => number);
  expect(numbers).toEqual(Array.from({ length: numbers.length }, (_, index) => 501 - numbers.length + index));
});

test("a reader goes on through rotations, and counts what was put away before it came", async () => {
  const dir = await tempDirectory();
  const store = new LogStore(dir, { mostBytes: 2_000, kept: 2 });
  const merge = new LogMerge(dir, all);
  const read: number[] = [];
  const take = () => read.push(...Array.from(merge.take(), ({ number }) => number));
  for (let index = 1; index <= 200; index++) {
    store.append("a", [`line ${index}`]);
    if (index % 10 === 0) take();
  }
  expect(read).toEqual(Array.from({ length: 200 }, (_, index) => index + 1));
  expect(merge.missed).toBe(0);
  for (let index = 201; index <= 900; index++) store.append("a", [`line ${index}`]);
  take();
  expect(read.at(-1)).toBe(900);
  expect(merge.missed).toBe(900 - read.length);
  expect(merge.missed).toBeGreaterThan(0);
  merge.close();
  store.close();
});

test("the last lines, and those that match, are what was asked for", async () => {
  const dir = await tempDirectory();
  const store = new LogStore(dir);
  store.append(
    "a",
    Array.from({ length: 3_000 }, (_, index) => `line ${index}`),
  );
  store.close();
  expect(texts(readLogs(dir, { ...all, tail: 2 }))).toEqual(["line 2998", "line 2999"]);
  expect(texts(readLogs(dir, { ...all, tail: 0 }))).toEqual([]);
  expect(texts(readLogs(dir, { ...all, grep: /^line 1\d\d$/, tail: 1 }))).toEqual(["line 199"]);
});

test("what is no line of a log is passed over", async () => {
  const dir = await tempDirectory();
  const store = new LogStore(dir);
  store.append("a", ["first"]);
  await appendFile(join(dir, "a.log"), "garbage\n\n2026 x y z\n");
  store.append("a", ["  indented \u2028 text"]);
  store.close();
  expect(texts(readLogs(dir, all))).toEqual(["first", "  indented \u2028 text"]);
});
