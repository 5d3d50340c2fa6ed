import type { FlowContext } from "../core/context.ts";
import { FlowError, isFlowError } from "../core/errors.ts";
import { run } from "../core/process.ts";

/** How programs are asked for their version; tools agree on no single way. */
const questions = ["--version", "-version", "version", "--help"];

/** Starts a program once before it is put into place. @throws FlowError FLOW_TOOL_BROKEN */
export async function smokeRun(ctx: FlowContext, name: string, argv: readonly [string, ...string[]]): Promise<void> {
  let first: unknown;
  for (const question of questions) {
    try {
      await run(ctx, [...argv, question], { timeoutMs: 20_000 });
      return;
    } catch (error) {
      if (!isFlowError(error)) throw error;
      first ??= error;
    }
  }
  throw new FlowError("FLOW_TOOL_BROKEN", `${name} does not run on this machine`, {
    cause: first,
    hint: "is this platform among those it was vendored for? flow doctor tells more",
  });
}
