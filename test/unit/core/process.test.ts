import { spawn } from "node:child_process";
import { once } from "node:events";
import { expect, onTestFinished, test } from "vitest";
import { identify, isRunning, listProcesses, startVariable } from "../../../src/core/proc.ts";
import { run } from "../../../src/core/process.ts";
import { testContext } from "../../support/context.ts";
import { tempDirectory } from "../../support/temp.ts";

test("arguments reach a program as they are, whatever a shell would make of them", async () => {
  const ctx = testContext(await tempDirectory());
  const odd = ["a b", "$(id)", "`id`", "'", "*", "", "ü\n"];
  const { stdout } = await run(ctx, [
    process.execPath,
    "-e",
    "console.log(JSON.stringify(process.argv.slice(1)))",
    "--",
    ...odd,
  ]);
  expect(JSON.parse(stdout)).toEqual(odd);
});

test("a failing program's last words are the cause; one that does not exist is named", async () => {
  const ctx = testContext(await tempDirectory());
  await expect(run(ctx, ["sh", "-c", "echo because >&2; exit 3"])).rejects.toMatchObject({
    code: "FLOW_COMMAND_FAILED",
    cause: "because",
  });
  await expect(run(ctx, ["no-such-program-here"])).rejects.toMatchObject({ code: "FLOW_COMMAND_NOT_FOUND" });
});

test("a program that says nothing is ended after its idle time, one that talks is not", async () => {
  const ctx = testContext(await tempDirectory());
  await expect(run(ctx, ["sleep", "30"], { idleTimeoutMs: 100 })).rejects.toMatchObject({ code: "FLOW_TIMEOUT" });
  const talking = await run(ctx, ["sh", "-c", "for i in 1 2 3 4; do echo $i; sleep 0.1; done"], {
    idleTimeoutMs: 2_000,
  });
  expect(talking.stdout).toBe("1\n2\n3\n4\n");
});

test("the context's signal ends a running program", async () => {
  const controller = new AbortController();
  const ctx = testContext(await tempDirectory(), { signal: controller.signal });
  const running = run(ctx, ["sleep", "30"]);
  setTimeout(() => controller.abort(new Error("enough")), 50);
  await expect(running).rejects.toThrow("enough");
});

test("a process is known by pid and start time, by its group and by the environment it was started with", async () => {
  const child = spawn("sleep", ["30"], { detached: true, env: { ...process.env, FLOW_TEST_MARK: "abc" } });
  onTestFinished(() => void child.kill("SIGKILL"));
  await once(child, "spawn");
  const pid = child.pid as number;
  const identity = identify(pid);
  expect(identity).toBeDefined();
  expect(isRunning(identity!)).toBe(true);
  expect(isRunning({ pid, startTime: "1" })).toBe(false);
  expect(listProcesses().find((row) => row.pid === pid)).toMatchObject({
    ...identity,
    group: pid,
    parent: process.pid,
  });
  if (process.platform === "linux") {
    await expect.poll(() => startVariable(pid, "FLOW_TEST_MARK")).toBe("abc");
    expect(startVariable(pid, "TEST_MARK")).toBeUndefined();
  }
  child.kill("SIGKILL");
  await once(child, "exit");
  expect(isRunning(identity!)).toBe(false);
});
