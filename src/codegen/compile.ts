import { rename } from "node:fs/promises";
import { join } from "node:path";
import type { FlowContext } from "../core/context.ts";
import { FlowError } from "../core/errors.ts";
import { lastLines, run } from "../core/process.ts";
import { modulesOf, treeOf } from "./assemble.ts";
import type { CodegenScope } from "./scope.ts";
import type { Argv } from "./tools.ts";

/** Where the compiled protos of a scope lie: a FileDescriptorSet with source positions. */
export function descriptorsOf(scope: CodegenScope): string {
  return join(scope.stateDir, "descriptors.binpb");
}

/** Compiles the assembled tree into {@link descriptorsOf}. @throws FlowError FLOW_PROTO_INVALID with file, line and column */
export async function compileProtos(ctx: FlowContext, scope: CodegenScope, buf: Argv): Promise<void> {
  const staged = join(scope.stateDir, "descriptors.staged.binpb");
  await runBuf(ctx, scope, [...buf, "build", "--output", staged, "--error-format", "json"]);
  await rename(staged, descriptorsOf(scope));
}

/** Runs buf in the assembled tree; it keeps its cache there and never asks the network. */
export async function runBuf(ctx: FlowContext, scope: CodegenScope, argv: Argv): Promise<void> {
  const result = await run(ctx, argv, {
    cwd: treeOf(scope),
    env: { BUF_CACHE_DIR: join(scope.stateDir, "cache"), BUF_BETA_SUPPRESS_WARNINGS: "1" },
    okCodes: Array.from({ length: 256 }, (_, code) => code),
  });
  if (result.exitCode === 0) return;
  const said = `${result.stderr}${result.stdout}`;
  const complaints = parseComplaints(said, scope);
  if (complaints.length > 0) {
    throw new FlowError("FLOW_PROTO_INVALID", complaints.map(({ text }) => text).join("\n"), {
      hint: hintFor(complaints),
      details: { places: complaints.map(({ file, line, column }) => ({ file, line, column })) },
    });
  }
  throw new FlowError("FLOW_GEN_FAILED", `${argv.slice(0, 2).join(" ")} failed with exit code ${result.exitCode}`, {
    cause: lastLines(said, 20),
  });
}

export interface Complaint {
  file: string;
  line: number;
  column: number;
  message: string;
  /** `/…/proto/common/product.proto:9:11: message` */
  text: string;
}

/** Reads buf's `--error-format json`; paths in the assembled tree become the real ones. */
export function parseComplaints(output: string, scope: Pick<CodegenScope, "repositories" | "shipped">): Complaint[] {
  const modules = modulesOf(scope as CodegenScope);
  return output.split("\n").flatMap((row) => {
    if (!row.startsWith("{")) return [];
    const {
      path = "",
      start_line: line = 1,
      start_column: column = 1,
      message = "",
    } = JSON.parse(row) as BufAnnotation;
    const [first = "", ...rest] = path.split("/");
    const module = modules.find(({ name }) => name === first);
    const file = module === undefined ? path : join(module.dir, ...rest);
    return [{ file, line, column, message, text: `${file}:${line}:${column}: ${message}` }];
  });
}

interface BufAnnotation {
  path?: string;
  start_line?: number;
  start_column?: number;
  message?: string;
}

function hintFor(complaints: readonly Complaint[]): string {
  if (complaints.some(({ message }) => /declared multiple times|already (?:defined|declared)/i.test(message))) {
    return "a message and a service of one package cannot share a name: name the message otherwise, e.g. ProductItem beside service Product";
  }
  if (complaints.some(({ message }) => /does not exist|no such file|not found/i.test(message))) {
    return "imports are relative to the proto/ directory of a repository of this workspace; flow brings flow/options.proto and google/api/annotations.proto";
  }
  return complaints.length === 1 ? "correct this place" : `correct these ${complaints.length} places`;
}
