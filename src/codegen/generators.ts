import { join } from "node:path";
import { glob } from "tinyglobby";
import type { GeneratorDefinition } from "../config/index.ts";
import type { FlowContext } from "../core/context.ts";
import { FlowError } from "../core/errors.ts";
import { skipStep, step } from "../core/events.ts";
import { writeAtomic } from "../core/files.ts";
import { formatJson, readJson } from "../core/json.ts";
import type { CodegenRepository, CodegenScope } from "./scope.ts";
import { hashFile, sha256 } from "./stamp.ts";
import { resolveTool, type Argv } from "./tools.ts";

export interface GeneratorRun {
  repository: string;
  name: string;
  /** Whether it ran, or with a dry run would: false when its inputs and outputs were as it had left them. */
  ran: boolean;
}

/**
 * Runs the generators that a repository's flow.yaml declares, in their order, each only when its inputs or its outputs changed.
 * @throws FlowError FLOW_GEN_FAILED, FLOW_GEN_TOOL_MISSING
 */
export async function runGenerators(
  ctx: FlowContext,
  scope: CodegenScope,
  { dryRun = false }: { dryRun?: boolean } = {},
): Promise<GeneratorRun[]> {
  const runs: GeneratorRun[] = [];
  for (const repository of scope.repositories) {
    for (const [name, definition] of Object.entries(repository.definition.generators ?? {})) {
      runs.push({
        repository: repository.name,
        name,
        ran: await runGenerator(ctx, scope, { repository, name, definition, dryRun }),
      });
    }
  }
  return runs;
}

interface Generator {
  repository: CodegenRepository;
  name: string;
  definition: GeneratorDefinition;
  dryRun: boolean;
}

async function runGenerator(
  ctx: FlowContext,
  scope: CodegenScope,
  { repository, name, definition, dryRun }: Generator,
): Promise<boolean> {
  const stampPath = join(scope.stateDir, "generators", `${repository.name}.${name}.json`);
  const described = { id: `gen.${repository.name}.${name}`, title: `Generating ${name} of ${repository.name}` };
  const [first = "", ...rest] = definition.command;
  const argv: Argv = [definition.tool === undefined ? first : resolveTool(ctx, scope, definition.tool), ...rest];
  const state = async () => ({
    command: sha256(JSON.stringify(argv)),
    inputs: await hashMatches(repository.dir, definition.inputs),
    outputs: await hashMatches(repository.dir, definition.outputs),
  });
  const before = await state();
  if (before.inputs === undefined) {
    throw new FlowError("FLOW_GEN_FAILED", `${repository.file}: generators.${name}.inputs match no file`, {
      hint: `they are: ${definition.inputs.join(", ")}, relative to ${repository.dir}`,
    });
  }
  if (JSON.stringify(await readJson(stampPath).catch(() => undefined)) === JSON.stringify(before)) {
    skipStep(ctx, { ...described, detail: "unchanged" });
    return false;
  }
  if (dryRun) return true;
  await step(ctx, described, async () => {
    const { run } = await import("../core/process.ts");
    const path = [...(scope.workspace === undefined ? [] : [scope.workspace.paths.bin]), ctx.env.PATH ?? ""].join(":");
    await run(ctx, argv, { cwd: repository.dir, env: { PATH: path } });
    const after = await state();
    if (after.outputs === undefined) {
      throw new FlowError("FLOW_GEN_FAILED", `${repository.file}: generators.${name} wrote none of its outputs`, {
        hint: `they are: ${definition.outputs.join(", ")}, relative to ${repository.dir}`,
      });
    }
    await writeAtomic(stampPath, formatJson(after));
  });
  return true;
}

/** Hash over the files that match, their paths included; undefined when none does. */
async function hashMatches(dir: string, patterns: readonly string[]): Promise<string | undefined> {
  const files = (await glob([...patterns], { cwd: dir, dot: true, ignore: ["**/node_modules/**"] })).sort();
  if (files.length === 0) return undefined;
  const hashes = await Promise.all(files.map((file) => hashFile(join(dir, file))));
  return sha256(files.map((file, index) => `${file} ${hashes[index]}`).join("\n"));
}
