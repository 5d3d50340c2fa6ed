import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { SignOfLife } from "../../../../src/core/git/sign-of-life.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** For how many of `lines`, one a second, a remote counts as alive when it may be silent for 3 s. */
function aliveFor(lines: readonly string[]): number {
  let silent = false;
  const life = new SignOfLife(3_000, () => (silent = true));
  let count = 0;
  for (const line of lines) {
    if (silent) break;
    life.read(line);
    vi.advanceTimersByTime(1_000);
    count++;
  }
  life.end();
  return count;
}

const seconds = (count: number, line: (second: number) => string) => Array.from({ length: count }, (_, at) => line(at));

describe("what git tells of a remote", () => {
  test.each<[string, (second: number) => string]>([
    ["a counter that grows", (second) => `Resolving deltas:   1% (${second}/9000)\r`],
    ["a counter of the remote's that grows", (second) => `remote: Counting objects: ${second}, done.\n`],
    ["one large file that comes quickly", () => "Receiving objects:  33% (1/3), 20.00 MiB | 1.20 MiB/s\r"],
    ["one large file that comes slowly", () => "Receiving objects:  33% (1/3), 20.00 MiB | 2.00 KiB/s\r"],
  ])("%s is a sign of life for ever", (_, line) => {
    expect(aliveFor(seconds(100, line))).toBe(100);
  });

  test.each<[string, (second: number) => string, number]>([
    ["a byte a second", (second) => `Receiving objects:   0% (1/900), ${second} bytes | 1 bytes/s\r`, 4],
    ["parts of a line", () => "x", 3],
    ["a counter that stands", () => "remote: Compressing objects:  50% (1/2)\r", 4],
    ["words of a hook, for a while", (second) => `remote: still testing ${second}\n`, 33],
  ])("%s is none", (_, line, most) => {
    expect(aliveFor(seconds(100, line))).toBeLessThanOrEqual(most);
  });
});
