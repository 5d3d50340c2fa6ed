import { execa } from "execa";
import { expect, test } from "vitest";
import { checkoutRoot } from "../support/context.ts";

test("this checkout passes npm run check", async () => {
  const { stdout, exitCode } = await execa(process.execPath, ["scripts/check.ts"], {
    cwd: checkoutRoot,
    reject: false,
    stdin: "ignore",
  });
  expect(stdout.split("\n").at(-1)).toMatch(/^6 of 6 checks passed/);
  expect(exitCode).toBe(0);
});
