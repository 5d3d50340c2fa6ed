import { writeSync } from "node:fs";
import type { SerializedError } from "vitest";
import type { Reporter, TestModule } from "vitest/node";

/**
 * Closes a run with one plain line, `N passed, N failed` (and `, N skipped`), as the very last of its output.
 * What could not even be counted is a failure: a file that did not load, a worker that died, an error outside of tests.
 */
export class TallyReporter implements Reporter {
  #line = "0 passed, 1 failed";

  onInit(): void {
    process.once("exit", () => {
      if (this.#failed && !process.exitCode) process.exitCode = 1;
      writeSync(1, `${this.#line}\n`);
    });
  }

  #failed = true;

  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly SerializedError[]): void {
    const tally = { passed: 0, failed: unhandledErrors.length, skipped: 0 };
    for (const module of modules) {
      let counted = 0;
      for (const test of module.children.allTests()) {
        const { state } = test.result();
        // A test that is still pending when the run is over lost its worker.
        tally[state === "pending" ? "failed" : state] += 1;
        counted += 1;
      }
      const broken = module.errors().length > 0 || (counted === 0 && module.state() !== "skipped");
      if (broken || suiteErrors(module) > 0) tally.failed += 1;
    }
    this.#failed = tally.failed > 0;
    this.#line = `${tally.passed} passed, ${tally.failed} failed${tally.skipped > 0 ? `, ${tally.skipped} skipped` : ""}`;
  }
}

function suiteErrors(module: TestModule): number {
  return [...module.children.allSuites()].reduce((sum, suite) => sum + suite.errors().length, 0);
}
