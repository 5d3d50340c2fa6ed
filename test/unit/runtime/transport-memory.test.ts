import { expect, test } from "vitest";
import { measureMemory } from "../../support/memory-pair.ts";

const mostMs = 120_000;
const mebibyte = 2 ** 20;

test("a gigabyte through a reader that pauses grows neither side by more than 8 MiB", { timeout: mostMs }, async () => {
  const { client, serverBytes } = await measureMemory("pausedReader");
  expect(client.bytes).toBe(1_024 * mebibyte);
  expect(client.grownBytes).toBeLessThan(8 * mebibyte);
  expect(serverBytes).toBeLessThan(8 * mebibyte);
});

test("ten thousand idle streams cost at most 4 KiB each on either side", { timeout: mostMs }, async () => {
  const { client, serverBytes } = await measureMemory("idleStreams");
  expect(client.count).toBe(10_000);
  expect(client.bytesEach).toBeLessThan(4_096);
  expect(serverBytes / 10_000).toBeLessThan(4_096);
});
