import { execa } from "execa";
import { join } from "node:path";
import { checkoutRoot } from "./context.ts";

export interface FlowRun {
  stdout: string;
  stderr: string;
  exitCode: number | undefined;
}

/** Runs the checkout's `flow` from source as a process, as a user does, in `cwd` with a quiet environment. */
export async function flow(
  args: readonly string[],
  options: { cwd: string; env?: Record<string, string>; input?: string },
): Promise<FlowRun> {
  const { stdout, stderr, exitCode } = await execa(process.execPath, [join(checkoutRoot, "src/cli/main.ts"), ...args], {
    cwd: options.cwd,
    env: { PATH: process.env.PATH ?? "", HOME: options.cwd, ...options.env },
    extendEnv: false,
    reject: false,
    ...(options.input === undefined ? { stdin: "ignore" } : { input: options.input }),
  });
  return { stdout, stderr, exitCode };
}
