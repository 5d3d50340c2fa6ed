import { join } from "node:path";
import type { FlowContext } from "../core/context.ts";
import { skipStep, step } from "../core/events.ts";
import { withLock } from "../core/lock.ts";
import { assembleTree } from "./assemble.ts";
import { compileProtos } from "./compile.ts";
import { emitRepository } from "./emit.ts";
import { runGenerators, type GeneratorRun } from "./generators.ts";
import { compareImplementations, type ImplementationReport } from "./implementations.ts";
import { checkDirectories, indexMethods, loadFiles, type IndexedMethod } from "./method-index.ts";
import { checkPlaces, placeFiles } from "./place.ts";
import { loadScope, type CodegenScope, type CodegenTarget } from "./scope.ts";
import { hashInputs, outputsIntact, readStamp, sha256, writeStamp, type Stamp } from "./stamp.ts";
import { resolveTools, type CodegenTools } from "./tools.ts";

export interface GenerateResult {
  /** Whether any generated file was written or removed. */
  changed: boolean;
  /** Absolute paths. */
  written: string[];
  removed: string[];
  methods: readonly IndexedMethod[];
  /** Generators of flow.yaml. */
  generators: GeneratorRun[];
  /** RPCs without the file that implements them. */
  missing: ImplementationReport[];
  /** Files that implement an RPC that no proto has any more. */
  obsolete: ImplementationReport[];
}

/**
 * Generates code from the protos of all repositories, after the generators of their flow.yaml. Needs no network.
 * What is unchanged is left alone, only files that say "generated" are written or removed, and a failure leaves
 * the earlier code in place.
 * @param tools default: the workspace's own, see {@link resolveTools}
 * @throws FlowError FLOW_PROTO_INVALID (with file:line:column), FLOW_GEN_FAILED, FLOW_GEN_NOT_OURS, FLOW_GEN_TOOL_MISSING
 */
export async function generate(ctx: FlowContext, target: CodegenTarget, tools?: CodegenTools): Promise<GenerateResult> {
  const first = await loadScope(ctx, target);
  const generators = await runGenerators(ctx, first);
  // A generator may have written protos.
  const scope = generators.some(({ ran }) => ran) ? await loadScope(ctx, target) : first;
  const described = { id: "gen.protos", title: "Generating code from protos" };
  const before = await readStamp(scope);
  if (before === undefined && scope.repositories.every(({ protos }) => protos.files.length === 0)) {
    skipStep(ctx, { ...described, detail: "there are no protos" });
    return { changed: false, written: [], removed: [], methods: [], generators, missing: [], obsolete: [] };
  }
  const used = tools ?? resolveTools(ctx, scope);
  if (before !== undefined && before.inputs === (await hashInputs(ctx, scope, used)) && (await outputsIntact(before))) {
    skipStep(ctx, { ...described, detail: "unchanged" });
    const report = await compareImplementations(scope, before.methods);
    return { changed: false, written: [], removed: [], methods: before.methods, generators, ...report };
  }
  return await withLock(ctx, join(scope.stateDir, "lock"), { purpose: "generating code" }, () =>
    step(ctx, described, async ({ progress, result }) => {
      const inputs = await hashInputs(ctx, scope, used);
      progress("compiling");
      const { files, methods } = await compile(ctx, scope, used);
      progress("generating");
      const placed = await emitAll(ctx, { scope, tools: used, files });
      await writeStamp(scope, { inputs, outputs: placed.outputs, methods });
      const { written, removed } = placed;
      result(`${written.length} written, ${removed.length} removed, ${Object.keys(placed.outputs).length} in all`);
      const report = await compareImplementations(scope, methods);
      return { changed: written.length + removed.length > 0, written, removed, methods, generators, ...report };
    }),
  );
}

type Files = Awaited<ReturnType<typeof loadFiles>>;

async function compile(
  ctx: FlowContext,
  scope: CodegenScope,
  tools: CodegenTools,
): Promise<{ files: Files; methods: IndexedMethod[] }> {
  await assembleTree(scope);
  await compileProtos(ctx, scope, tools.buf);
  const files = await loadFiles(scope);
  checkDirectories(scope, files);
  return { files, methods: indexMethods(scope, files) };
}

interface Placed {
  written: string[];
  removed: string[];
  outputs: Record<string, string>;
}

/** All repositories are generated before the first file is placed: a failure leaves everything as it was. */
async function emitAll(
  ctx: FlowContext,
  made: { scope: CodegenScope; tools: CodegenTools; files: Files },
): Promise<Placed> {
  const results: { rpc: string; files: ReadonlyMap<string, string> }[] = [];
  for (const repository of made.scope.repositories) {
    const files = await emitRepository(ctx, made, repository);
    results.push({ rpc: join(repository.dir, "rpc"), files });
  }
  for (const { rpc, files } of results) await checkPlaces(rpc, files);
  const placed: Placed = { written: [], removed: [], outputs: {} };
  for (const { rpc, files } of results) {
    const { written, removed } = await placeFiles(rpc, files);
    placed.written.push(...written);
    placed.removed.push(...removed);
    for (const [path, content] of files) placed.outputs[join(rpc, path)] = sha256(content);
  }
  return placed;
}

/**
 * The methods of all protos as they are now. Compiles when they changed since the last generation, and
 * generates nothing.
 */
export async function listMethods(
  ctx: FlowContext,
  target: CodegenTarget,
  tools?: CodegenTools,
): Promise<{ scope: CodegenScope; methods: readonly IndexedMethod[] }> {
  const scope = await loadScope(ctx, target);
  const used = tools ?? resolveTools(ctx, scope);
  const stamp: Stamp | undefined = await readStamp(scope);
  if (stamp !== undefined && stamp.inputs === (await hashInputs(ctx, scope, used)))
    return { scope, methods: stamp.methods };
  const { methods } = await withLock(ctx, join(scope.stateDir, "lock"), { purpose: "compiling protos" }, () =>
    compile(ctx, scope, used),
  );
  return { scope, methods };
}
