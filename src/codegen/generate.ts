import type { FlowContext } from "../core/context.ts";
import { skipStep, step } from "../core/events.ts";
import { runGenerators, type GeneratorRun } from "./generators.ts";
import { compareImplementations, type ImplementationReport } from "./implementations.ts";
import type { IndexedMethod } from "./method-index.ts";
import { loadScope, type CodegenScope, type CodegenTarget } from "./scope.ts";
import { hashInputs, outputsIntact, readStamp } from "./stamp.ts";
import { resolveTools, type CodegenTools } from "./tools.ts";

export interface GenerateResult {
  /** Whether any generated file was written or removed. */
  changed: boolean;
  /** Absolute paths. */
  written: readonly string[];
  removed: readonly string[];
  methods: readonly IndexedMethod[];
  /** Generators of flow.yaml. */
  generators: readonly GeneratorRun[];
  /** RPCs without the file that implements them. */
  missing: readonly ImplementationReport[];
  /** Files that implement an RPC that no proto has any more. */
  obsolete: readonly ImplementationReport[];
}

export interface GenerateOptions {
  /** Default: the workspace's own, see {@link resolveTools}. */
  tools?: CodegenTools;
  /** Tell what would be written, and write nothing; generators of flow.yaml are not run either. Default false. */
  dryRun?: boolean;
}

/**
 * Generates code from the protos of all repositories, after the generators of their flow.yaml. Needs no network.
 * What is unchanged is left alone, only files that say "generated" are written or removed, and a failure leaves
 * the earlier code in place.
 * @throws FlowError FLOW_PROTO_INVALID (with file:line:column), FLOW_GEN_FAILED, FLOW_GEN_NOT_OURS, FLOW_GEN_TOOL_MISSING
 */
export async function generate(
  ctx: FlowContext,
  target: CodegenTarget,
  options: GenerateOptions = {},
): Promise<GenerateResult> {
  const first = await loadScope(ctx, target);
  const generators = await runGenerators(ctx, first, options);
  // A generator may have written protos.
  const scope = generators.some(({ ran }) => ran) ? await loadScope(ctx, target) : first;
  const code = await generateFromProtos(ctx, scope, options);
  const { written, removed, methods } = code;
  const report = await compareImplementations(scope, methods);
  return { changed: written.length + removed.length > 0, written, removed, methods, generators, ...report };
}

interface GeneratedCode {
  written: readonly string[];
  removed: readonly string[];
  methods: readonly IndexedMethod[];
}

async function generateFromProtos(
  ctx: FlowContext,
  scope: CodegenScope,
  { tools, dryRun = false }: GenerateOptions,
): Promise<GeneratedCode> {
  const described = { id: "gen.protos", title: "Generating code from protos" };
  const stamp = await readStamp(scope);
  if (stamp === undefined && scope.repositories.every(({ protos }) => protos.files.length === 0)) {
    skipStep(ctx, { ...described, detail: "there are no protos" });
    return { written: [], removed: [], methods: [] };
  }
  const used = tools ?? resolveTools(ctx, scope);
  if (stamp?.inputs === (await hashInputs(ctx, scope, used)) && (await outputsIntact(stamp))) {
    skipStep(ctx, { ...described, detail: "unchanged" });
    return { written: [], removed: [], methods: stamp.methods };
  }
  return await step(ctx, described, async (control) => {
    // Loaded only when there is work: an unchanged tree is answered in a few milliseconds.
    const { build } = await import("./build.ts");
    return await build(ctx, { scope, tools: used, dryRun }, control);
  });
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
  const stamp = await readStamp(scope);
  if (stamp?.inputs === (await hashInputs(ctx, scope, used))) return { scope, methods: stamp.methods };
  const { compile } = await import("./build.ts");
  return { scope, methods: await compile(ctx, { scope, tools: used }) };
}
