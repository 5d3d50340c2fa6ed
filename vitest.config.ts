import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/unit/**/*.test.ts", "test/e2e/**/*.test.ts"],
    testTimeout: 30_000,
    hookTimeout: 120_000,
    // Two cores: more workers than that only make timing-sensitive tests of real processes slower.
    maxWorkers: 2,
    pool: "forks",
  },
});
