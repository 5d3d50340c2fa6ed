import * as fc from "fast-check";
import { expect, test } from "vitest";
import { Backoff } from "../../../src/runner/supervisor/backoff.ts";

const restart = {
  policy: "on-failure",
  backoffMs: 100,
  maxBackoffMs: 1_000,
  attempts: 3,
  stableAfterMs: 10_000,
} as const;

test("the pause doubles at each crash, within a quarter to either side, up to the cap", () => {
  const backoff = new Backoff(restart);
  for (const expected of [100, 200, 400]) {
    const pause = backoff.crashed(0);
    expect(pause).toBeGreaterThanOrEqual(expected * 0.75);
    expect(pause).toBeLessThanOrEqual(expected * 1.25);
  }
  for (let crash = 0; crash < 2_000; crash++) expect(backoff.crashed(0)).toBeLessThanOrEqual(1_000);
  expect(backoff.crashed(0)).toBe(1_000);
});

test("it counts as looping from the configured number of crashes in a row on", () => {
  const backoff = new Backoff(restart);
  const states = [1, 2, 3, 4].map(() => {
    backoff.crashed(0);
    return backoff.isLooping;
  });
  expect(states).toEqual([false, false, true, true]);
});

test("an uptime that counts as stable, or a person's restart, begins the count anew", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 20 }), fc.boolean(), (crashes, byPerson) => {
      const backoff = new Backoff(restart);
      for (let crash = 0; crash < crashes; crash++) backoff.crashed(0);
      if (byPerson) backoff.reset();
      const pause = backoff.crashed(byPerson ? 0 : restart.stableAfterMs);
      expect(pause).toBeLessThanOrEqual(restart.backoffMs * 1.25);
      expect(backoff.isLooping).toBe(false);
    }),
  );
});
