import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import type { FlowContext } from "../core/context.ts";
import { FlowError } from "../core/errors.ts";
import type { CodegenScope } from "./scope.ts";

export type Argv = readonly [string, ...string[]];

/** The programs that generation runs, as argv. */
export interface CodegenTools {
  buf: Argv;
  protocGenEs: Argv;
  protocGenFlow: Argv;
}

/**
 * The tools of a workspace are those in its `bin/`, installed out of its mirror, and no others. A repository
 * without a workspace takes them from PATH, and flow's own generator from the flow that runs.
 * @throws FlowError FLOW_GEN_TOOL_MISSING
 */
export function resolveTools(ctx: FlowContext, scope: CodegenScope): CodegenTools {
  return {
    buf: [resolveTool(ctx, scope, "buf")],
    protocGenEs: [resolveTool(ctx, scope, "protoc-gen-es")],
    protocGenFlow:
      scope.workspace === undefined
        ? (ctx.installation.entry("protoc-gen-flow") as unknown as Argv)
        : [resolveTool(ctx, scope, "protoc-gen-flow")],
  };
}

/** Absolute path of one tool. @throws FlowError FLOW_GEN_TOOL_MISSING */
export function resolveTool(ctx: FlowContext, { workspace }: CodegenScope, name: string): string {
  const directories = workspace === undefined ? (ctx.env.PATH ?? "").split(delimiter) : [workspace.paths.bin];
  const found = directories
    .filter((dir) => dir !== "")
    .map((dir) => join(dir, name))
    .find(isExecutable);
  if (found !== undefined) return found;
  throw new FlowError("FLOW_GEN_TOOL_MISSING", `${name} is not installed`, {
    hint:
      workspace === undefined
        ? `put ${name} on your PATH, or work in a workspace, which brings its tools`
        : `flow tool install ${name}`,
  });
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
