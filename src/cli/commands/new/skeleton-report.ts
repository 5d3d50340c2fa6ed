import { relative } from "node:path";
import type { SkeletonResult } from "../../../codegen/skeleton/index.ts";
import { FlowError } from "../../../core/errors.ts";
import { warn } from "../../../core/events.ts";
import type { CliContext } from "../../command.ts";

/** Generates the code that a skeleton imports. A proto or a tool that stands against it does not undo the skeleton. */
export async function generateAfter(ctx: CliContext): Promise<void> {
  const { findTarget, generate } = await import("../../../codegen/index.ts");
  try {
    await generate(ctx, await findTarget(ctx));
  } catch (error) {
    if (!(error instanceof FlowError)) throw error;
    warn(ctx, `the skeleton is there, its code is not generated yet: ${error.message}; run flow gen`);
  }
}

export function renderSkeleton(
  { created, changed, manual, dryRun }: SkeletonResult & { dryRun: boolean },
  ctx: CliContext,
): string {
  const path = (absolute: string) => relative(ctx.cwd, absolute) || absolute;
  return [
    ...created.map((file) => `${dryRun ? "create " : "created"}  ${path(file)}`),
    ...changed.map((file) => `${dryRun ? "change " : "changed"}  ${path(file)}`),
    ...manual.flatMap(({ file, add }) => ["", `add this to ${path(file)} yourself:`, "", add]),
    ...(created.length + changed.length + manual.length === 0 ? ["Everything is there already."] : []),
    ...(dryRun ? ["", "Nothing was changed (--dry-run)."] : []),
  ].join("\n");
}
