import { messageOf } from "../../core/errors.ts";

/** What one check found. */
export interface Finding {
  status: "ok" | "warning" | "problem";
  detail: string;
  /** How to mend it, for a warning or a problem. */
  fix?: string;
}

export interface CheckResult extends Finding {
  title: string;
  durationMs: number;
}

/** Runs a check; one that fails itself is a problem, never the end of the examination. */
export async function check(title: string, examine: () => Promise<Finding>): Promise<CheckResult> {
  const start = performance.now();
  const finding = await examine().catch((error: unknown): Finding => ({
    status: "problem",
    detail: messageOf(error),
    fix: fixOf(error),
  }));
  return { title, ...finding, durationMs: Math.round(performance.now() - start) };
}

function fixOf(error: unknown): string {
  const hint = error instanceof Error && "hint" in error ? error.hint : undefined;
  return typeof hint === "string" ? hint : "run flow doctor --verbose for details";
}
