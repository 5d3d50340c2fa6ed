import { simpleGit, type SimpleGit } from "simple-git";
import type { FlowContext } from "../context.ts";
import { gitEnvironment } from "./environment.ts";

/**
 * simple-git for everyday commands whose output it parses (status, clone, remotes, add, commit, branches).
 * What has stdin, bytes, or odd paths goes through {@link Git}.
 */
export function porcelain(ctx: FlowContext, dir: string, variables: Record<string, string> = {}): SimpleGit {
  const env = { ...gitEnvironment(ctx), ...variables };
  return simpleGit({
    baseDir: dir,
    abort: ctx.signal,
    // simple-git refuses what an untrusted caller might set. Here the environment is the person's own (an editor, a
    // pager, an askpass program) or set by flow on purpose, to neutral values.
    allowEnvironment: Object.keys(env),
    unsafe: {
      allowUnsafeAskPass: true,
      allowUnsafeConfigEnvCount: true,
      allowUnsafeConfigPaths: true,
      allowUnsafeEditor: true,
      allowUnsafeExec: true,
      allowUnsafeFsMonitor: true,
      allowUnsafeGitProxy: true,
      allowUnsafeHooksPath: true,
      allowUnsafePager: true,
      allowUnsafeProtocolOverride: true,
      allowUnsafeSshCommand: true,
      allowUnsafeTemplateDir: true,
    },
  }).env(env);
}
