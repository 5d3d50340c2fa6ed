import { execa } from "execa";
import { join } from "node:path";
import { expect, test } from "vitest";
import { checkoutRoot } from "../../support/context.ts";

async function runCases(...files: string[]) {
  const { stdout, exitCode } = await execa(
    process.execPath,
    [join(checkoutRoot, "node_modules/vitest/vitest.mjs"), "run", "--root", "test/fixtures/tally", ...files],
    { cwd: checkoutRoot, reject: false, stdin: "ignore" },
  );
  return { lastLine: stdout.trimEnd().split("\n").at(-1), exitCode };
}

test("a run without failures closes with its counts and exits with 0", async () => {
  expect(await runCases("passes")).toEqual({ lastLine: "1 passed, 0 failed, 1 skipped", exitCode: 0 });
});

test.each(["does-not-load", "crashes", "hook-fails", "rejects"])(
  "a file that %s is a failure in the counts and in the exit code",
  async (name) => {
    const { lastLine, exitCode } = await runCases(`${name}.case.ts`);
    expect(lastLine).toMatch(/^\d+ passed, [1-9]\d* failed(, \d+ skipped)?$/);
    expect(exitCode).toBe(1);
  },
);
