import { defineConfig } from "vitest/config";
import { TallyReporter } from "./test/support/tally-reporter.ts";

export default defineConfig({
  test: {
    pool: "forks",
    // A busy machine takes its time; what comes is seen at once.
    expect: { poll: { timeout: 10_000 } },
    reporters: [process.env.CI === undefined ? "default" : "verbose", new TallyReporter()],
    projects: [
      {
        extends: true,
        test: {
          name: "unit",
          include: ["test/unit/**/*.test.ts"],
          testTimeout: 30_000,
          hookTimeout: 120_000,
          // Two cores: more workers than that only make timing-sensitive tests of real processes slower.
          maxWorkers: 2,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          name: "native",
          // What the runtime promises holds on either transport.
          env: { FLOW_TRANSPORT: "native" },
          include: ["test/unit/runtime/{call,reflection,rolling,web-api}.test.ts"],
          testTimeout: 30_000,
          maxWorkers: 2,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          name: "e2e",
          include: ["test/e2e/**/*.test.ts"],
          testTimeout: 300_000,
          hookTimeout: 600_000,
          // Each of these starts whole fleets, and waits for them most of the time.
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
