import type { FlowContext } from "./context.ts";
import { messageOf } from "./errors.ts";

/** What features tell the reporter. Ids of steps are stable: scripts and tests rely on them. */
export type FlowEvent =
  | { type: "step"; phase: "start"; id: string; title: string }
  | { type: "step"; phase: "progress"; id: string; detail?: string; done?: number; total?: number }
  | { type: "step"; phase: "done"; id: string; detail?: string; durationMs: number }
  | { type: "step"; phase: "skip"; id: string; title: string; detail: string }
  | { type: "step"; phase: "fail"; id: string; detail: string; durationMs: number }
  | { type: "message"; level: "debug" | "info" | "warn"; text: string };

export interface StepControl {
  /** Reports how far the step is; `done` and `total` in any one unit. */
  progress(detail: string, done?: number, total?: number): void;
  /** What the finished step's line says after its title. */
  result(detail: string): void;
}

/** Runs `work` as a visible step. Failures are reported and thrown on. */
export async function step<T>(
  ctx: Pick<FlowContext, "emit">,
  { id, title }: { id: string; title: string },
  work: (control: StepControl) => Promise<T>,
): Promise<T> {
  const start = performance.now();
  let result: string | undefined;
  ctx.emit({ type: "step", phase: "start", id, title });
  try {
    const value = await work({
      progress: (detail, done, total) =>
        ctx.emit({
          type: "step",
          phase: "progress",
          id,
          detail,
          ...(done === undefined ? {} : { done }),
          ...(total === undefined ? {} : { total }),
        }),
      result: (detail) => {
        result = detail;
      },
    });
    const durationMs = Math.round(performance.now() - start);
    ctx.emit({ type: "step", phase: "done", id, durationMs, ...(result === undefined ? {} : { detail: result }) });
    return value;
  } catch (error) {
    const durationMs = Math.round(performance.now() - start);
    ctx.emit({ type: "step", phase: "fail", id, detail: messageOf(error), durationMs });
    throw error;
  }
}

/** Reports that a step had nothing to do. */
export function skipStep(
  ctx: Pick<FlowContext, "emit">,
  { id, title, detail }: { id: string; title: string; detail: string },
): void {
  ctx.emit({ type: "step", phase: "skip", id, title, detail });
}

export function warn(ctx: Pick<FlowContext, "emit">, text: string): void {
  ctx.emit({ type: "message", level: "warn", text });
}

export function info(ctx: Pick<FlowContext, "emit">, text: string): void {
  ctx.emit({ type: "message", level: "info", text });
}
