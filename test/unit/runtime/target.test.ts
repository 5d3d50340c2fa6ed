import { expect, onTestFinished, test } from "vitest";
import { Code } from "../../../src/runtime/index.ts";
import { Target } from "../../../src/runtime/internal/client/target.ts";
import { grpcJsTransport } from "../../../src/runtime/internal/transport/grpc-js/index.ts";
import type { Endpoint } from "../../../src/runtime/internal/transport/index.ts";

const endpoints = (...ports: number[]): Endpoint[] => ports.map((port) => ({ host: "10.0.0.1", port }));

/** A target whose lists the test gives. */
function target(options: { graceMs?: number; firstListMs?: number } = {}) {
  let update: (endpoints: readonly Endpoint[]) => void = () => {};
  const created = new Target({
    service: "shop",
    transport: grpcJsTransport,
    userAgent: "test",
    discovery: { follow: (_service, { onChange }) => void (update = onChange) },
    ...options,
  });
  onTestFinished(() => created.close());
  return { target: created, update: (...ports: number[]) => update(endpoints(...ports)) };
}

const pick = async (of: Target) => await of.pick("/a.B/C", new Set(), undefined);

test("instances take turns", async () => {
  const { target: shop, update } = target();
  update(1, 2, 3);
  const counts = new Map<string, number>();
  for (let call = 0; call < 3_000; call++) {
    const { key } = await pick(shop);
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  expect([...counts.values()]).toEqual([1_000, 1_000, 1_000]);
});

test("a new list keeps the connections of instances that stay, and closes those of the ones that left", async () => {
  const { target: shop, update } = target();
  update(1, 2);
  const [first, second] = shop.instances;
  update(2, 3);
  expect(shop.instances).toHaveLength(2);
  expect(shop.instances[0]).toBe(second);
  expect(first?.connection.state).toBe("closed");
  expect(second?.connection.state).not.toBe("closed");
});

test("an empty list serves on with the last good one for its grace, then calls fail at once", async () => {
  const { target: shop, update } = target({ graceMs: 300 });
  update(1);
  update();
  expect((await pick(shop)).key).toBe("10.0.0.1:1");
  await expect
    .poll(
      () =>
        pick(shop).then(
          ({ key }) => key,
          (error: { code: number }) => error.code,
        ),
      { timeout: 10_000 },
    )
    .toBe(Code.Unavailable);
  const before = performance.now();
  await expect(pick(shop)).rejects.toMatchObject({ code: Code.Unavailable, reason: "NO_INSTANCE" });
  // Not the wait for a first list, which is 3 s.
  expect(performance.now() - before).toBeLessThan(1_500);
  update(2);
  expect((await pick(shop)).key).toBe("10.0.0.1:2");
});

test("a list that is empty for less than the grace is forgotten", async () => {
  const { target: shop, update } = target({ graceMs: 60_000 });
  update(1, 2);
  const [first] = shop.instances;
  update();
  update(1, 2);
  expect(shop.instances[0]).toBe(first);
});

test("calls wait for the first list, and no longer than the deadline or the time for it", async () => {
  const { target: shop, update } = target();
  const waiting = pick(shop);
  update(7);
  expect((await waiting).key).toBe("10.0.0.1:7");
  const { target: silent } = target({ firstListMs: 100 });
  await expect(pick(silent)).rejects.toMatchObject({ code: Code.Unavailable });
});
