import { test } from "vitest";
import { fuzzCase } from "../../fuzz/connection.ts";

test("a thousand random conversations end once, and leave no stream, byte or count behind", async () => {
  for (let seed = 1; seed <= 1_000; seed++) await fuzzCase(seed);
});
