import { simpleGit, type SimpleGit } from "simple-git";
import type { FlowContext } from "../context.ts";
import { gitEnvironment } from "./environment.ts";

/**
 * simple-git for everyday commands whose output it parses (status, clone, remotes, add, commit, branches).
 * What has stdin, bytes, or odd paths goes through {@link Git}.
 */
export function porcelain(ctx: FlowContext, dir: string): SimpleGit {
  return simpleGit({
    baseDir: dir,
    abort: ctx.signal,
    // Our environment sets these on purpose, to neutral values; simple-git wants that said.
    unsafe: {
      allowUnsafeHooksPath: true,
      allowUnsafeSshCommand: true,
      allowUnsafePager: true,
      allowUnsafeEditor: true,
      allowUnsafeFsMonitor: true,
      allowUnsafeProtocolOverride: true,
      allowUnsafeConfigEnvCount: true,
    } as never,
  }).env(gitEnvironment(ctx));
}
