import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { obstacleOf, stopInOrder, type Dependency } from "../../../src/runner/supervisor/order.ts";
import type { ProcessPlan } from "../../../src/runner/types.ts";

/** What keeps a service from starting that depends so on another one in this situation. */
function obstacle(
  condition: "started" | "ready" | "completed",
  situation: Pick<Dependency, "state"> & Partial<Dependency>,
) {
  const db: Dependency = { isLooping: false, reason: null, pid: null, ...situation };
  return obstacleOf({ depends: { db: condition } }, new Map([["db", db]]));
}

describe("a dependency", () => {
  test("is met by what its condition asks for, and by a job that is done", () => {
    expect(obstacle("ready", { state: "ready", pid: 1 })).toBeUndefined();
    expect(obstacle("started", { state: "starting", pid: 1 })).toBeUndefined();
    for (const condition of ["started", "ready", "completed"] as const)
      expect(obstacle(condition, { state: "completed" })).toBeUndefined();
  });

  test("is waited for as long as it may come", () => {
    const waiting = { isFinal: false, reason: "for db" };
    expect(obstacle("ready", { state: "starting", pid: 1 })).toEqual(waiting);
    expect(obstacle("started", { state: "waiting" })).toEqual(waiting);
    expect(obstacle("completed", { state: "ready", pid: 1 })).toEqual(waiting);
    expect(obstacle("ready", { state: "backing-off" })).toEqual(waiting);
    expect(obstacle("ready", { state: "stopped" })).toEqual(waiting);
  });

  test("blocks for good when it failed, is blocked itself, or crashes again and again", () => {
    expect(obstacle("ready", { state: "failed", reason: "exited with 3" })).toEqual({
      isFinal: true,
      reason: "db failed: exited with 3",
    });
    expect(obstacle("ready", { state: "blocked" })).toEqual({ isFinal: true, reason: "db is blocked" });
    // Between two crashes it is alive for a moment: that gives no hope.
    for (const state of ["crash-looping", "starting"] as const)
      expect(obstacle("started", { state, pid: 1, isLooping: true })).toEqual({
        isFinal: true,
        reason: "db is crash-looping",
      });
  });
});

test("each service stops once, after all that depend on it", async () => {
  // Services may depend on those before them: never a circle.
  const graph = fc.array(fc.array(fc.nat({ max: 20 }), { maxLength: 4 }), { minLength: 1, maxLength: 12 });
  await fc.assert(
    fc.asyncProperty(graph, async (edges) => {
      const stopped: string[] = [];
      const services = edges.map((targets, index) => {
        const depends = targets.filter((target) => target < index).map((target) => [`s${target}`, "ready"]);
        const plan = { name: `s${index}`, depends: Object.fromEntries(depends) as ProcessPlan["depends"] };
        return { plan, stop: async () => void stopped.push(plan.name) };
      });
      await stopInOrder(services);
      expect([...stopped].sort()).toEqual(services.map(({ plan }) => plan.name).sort());
      for (const { plan } of services)
        for (const dependency of Object.keys(plan.depends))
          expect(stopped.indexOf(plan.name)).toBeLessThan(stopped.indexOf(dependency));
    }),
  );
});
