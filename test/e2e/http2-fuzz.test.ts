import { execa } from "execa";
import { expect, test } from "vitest";
import { checkoutRoot } from "../support/context.ts";

/** A minute in CI; here as much as shows that it works. */
const seconds = process.env.CI === "true" ? 60 : 10;

test("random conversations find no fault, no hang and no leak, and reach nearly all of src/http2", async () => {
  const args = ["test/fuzz/main.ts", "--seconds", String(seconds), "--coverage"];
  const { stdout } = await execa(process.execPath, args, { cwd: checkoutRoot });
  expect(stdout).toMatch(/^\d{3,} cases from seed \d+, none failed/);
  const [, share] = /([\d.]+) % of \d+ lines of src\/http2\/$/.exec(stdout) as unknown as [string, string];
  expect(Number(share)).toBeGreaterThan(90);
});
