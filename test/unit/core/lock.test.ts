import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { withLock } from "../../../src/core/lock.ts";
import { checkoutRoot, testContext } from "../../support/context.ts";
import { tempDirectory } from "../../support/temp.ts";

/** A real process that takes the lock, says so, and holds it until it is killed. */
async function holder(path: string) {
  const program = `
    import { withLock } from ${JSON.stringify(join(checkoutRoot, "src/core/lock.ts"))};
    const ctx = { signal: new AbortController().signal, emit() {} };
    await withLock(ctx, ${JSON.stringify(path)}, { purpose: "holding on" }, async () => {
      console.log("held");
      await new Promise(() => setInterval(() => {}, 1000));
    });`;
  const child = spawn(process.execPath, ["--input-type=module-typescript", "-e", program], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await once(child.stdout, "data");
  return child;
}

test("who waits is told the holder's PID and purpose, and fails in time", async () => {
  const dir = await tempDirectory();
  const path = join(dir, "lock");
  const child = await holder(path);
  try {
    const ctx = testContext(dir);
    const waiting = withLock(ctx, path, { purpose: "trying", waitMs: 300 }, async () => "never");
    await expect(waiting).rejects.toMatchObject({
      code: "FLOW_LOCKED",
      message: expect.stringContaining(`process ${child.pid} (holding on)`),
    });
    expect(ctx.events).toContainEqual(
      expect.objectContaining({ text: `waiting for process ${child.pid}, which is holding on` }),
    );
  } finally {
    child.kill("SIGKILL");
  }
});

test("a lock whose holder was killed heals at once", async () => {
  const dir = await tempDirectory();
  const path = join(dir, "lock");
  const child = await holder(path);
  child.kill("SIGKILL");
  await once(child, "exit");
  expect(existsSync(path)).toBe(true);
  const start = performance.now();
  expect(await withLock(testContext(dir), path, { purpose: "next" }, async () => "mine")).toBe("mine");
  expect(performance.now() - start).toBeLessThan(5_000);
  expect(existsSync(path)).toBe(false);
});

test("only one of many waiters holds the lock at a time, also when they heal it together", async () => {
  const dir = await tempDirectory();
  const path = join(dir, "lock");
  const child = await holder(path);
  child.kill("SIGKILL");
  await once(child, "exit");
  let inside = 0;
  let most = 0;
  const work = () =>
    withLock(testContext(dir), path, { purpose: "counting" }, async () => {
      most = Math.max(most, ++inside);
      await new Promise(setImmediate);
      inside--;
    });
  await Promise.all(Array.from({ length: 8 }, work));
  expect(most).toBe(1);
});
