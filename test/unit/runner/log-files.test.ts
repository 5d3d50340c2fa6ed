import { appendFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { LogMerge } from "../../../src/runner/log-merge.ts";
import { LogStore } from "../../../src/runner/supervisor/log-store.ts";
import { tempDirectory } from "../../support/temp.ts";

test("lines of several services come out in their order, whatever the files' rotations, and those rotated away are counted", async () => {
  const dir = await tempDirectory();
  const store = new LogStore(dir, { mostBytes: 2_000, kept: 2 });
  const merge = new LogMerge(dir, { services: [] });
  const read: string[] = [];
  const written: string[] = [];
  for (let round = 0; round < 50; round++) {
    for (const service of ["a", "b"]) {
      store.append(service, [`${service}${round}`, "x".repeat(40)]);
      written.push(`${service}${round}`);
    }
    for (const { line } of merge.take()) if (!line.startsWith("x")) read.push(line);
  }
  expect(read).toEqual(written);
  expect(merge.missed).toBe(0);
  const late = new LogMerge(dir, { services: ["a"] });
  expect(late.take().next().value).toMatchObject({ service: "a" });
  for (let round = 0; round < 500; round++) store.append("a", ["y".repeat(40)]);
  for (const { line } of late.take()) expect(line).toMatch(/^[axy]/);
  expect(late.missed).toBeGreaterThan(0);
  for (const one of [merge, late]) one.close();
  store.close();
});

test("a line that was torn off by a death does not take the next run's first one with it", async () => {
  const dir = await tempDirectory();
  await writeFile(join(dir, "a.log"), "2026-01-31T08:00:00.000Z 1 1 whole\n");
  await appendFile(join(dir, "a.log"), "2026-01-31T08:00:00.000Z 2 2 tor");
  const store = new LogStore(dir);
  store.append("a", ["first of the next"]);
  store.close();
  const merge = new LogMerge(dir, { services: ["a"] });
  expect([...merge.take()].map(({ line }) => line)).toEqual(["whole", "tor", "first of the next"]);
  merge.close();
});
