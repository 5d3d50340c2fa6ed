import type { FlowContext } from "../../core/context.ts";
import { check, type CheckResult } from "./check.ts";
import { checkDisk, checkGit, checkNode, checkTransport } from "./machine.ts";
import { checkWorkspace } from "./workspace.ts";

/** Examines the machine, and the workspace when `ctx.cwd` is in one. */
export async function diagnose(ctx: FlowContext): Promise<CheckResult[]> {
  const machine = [
    await check("Node", checkNode),
    await check("git", () => checkGit(ctx)),
    await check("disk", () => checkDisk(ctx.cwd)),
    await check("gRPC transport", () => checkTransport(ctx)),
  ];
  return [...machine, ...(await checkWorkspace(ctx))];
}
