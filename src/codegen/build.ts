import { join } from "node:path";
import type { DescFile } from "@bufbuild/protobuf";
import type { FlowContext } from "../core/context.ts";
import type { StepControl } from "../core/events.ts";
import { withLock } from "../core/lock.ts";
import { assembleTree } from "./assemble.ts";
import { compileProtos } from "./compile.ts";
import { emitRepository } from "./emit.ts";
import { checkDirectories, indexMethods, loadFiles, type IndexedMethod } from "./method-index.ts";
import { checkPlaces, placeFiles } from "./place.ts";
import type { CodegenScope } from "./scope.ts";
import { hashInputs, sha256, writeStamp } from "./stamp.ts";
import type { CodegenTools } from "./tools.ts";

interface Work {
  scope: CodegenScope;
  tools: CodegenTools;
  dryRun?: boolean;
}

interface Built {
  /** Absolute paths. */
  written: string[];
  removed: string[];
  methods: IndexedMethod[];
}

/** Compiles, generates and places everything; the stamp is written last, so that an interrupted run is repeated. */
export async function build(ctx: FlowContext, work: Work, { progress, result }: StepControl): Promise<Built> {
  return await locked(ctx, work, async () => {
    const inputs = await hashInputs(ctx, work.scope, work.tools);
    progress("compiling");
    const files = await compileFiles(ctx, work);
    progress("generating");
    const { written, removed, outputs } = await emitAll(ctx, { ...work, files });
    const methods = indexMethods(work.scope, files);
    if (work.dryRun !== true) await writeStamp(work.scope, { inputs, outputs, methods });
    result(`${written.length} written, ${removed.length} removed, ${Object.keys(outputs).length} in all`);
    return { written, removed, methods };
  });
}

/** Compiles the protos and says which methods they define. @throws FlowError FLOW_PROTO_INVALID */
export async function compile(ctx: FlowContext, work: Work): Promise<IndexedMethod[]> {
  return await locked(ctx, work, async () => indexMethods(work.scope, await compileFiles(ctx, work)));
}

async function locked<T>(ctx: FlowContext, { scope }: Work, run: () => Promise<T>): Promise<T> {
  return await withLock(ctx, join(scope.stateDir, "lock"), { purpose: "generating code" }, run);
}

type Files = ReadonlyMap<string, DescFile>;

async function compileFiles(ctx: FlowContext, { scope, tools }: Work): Promise<Files> {
  await assembleTree(scope);
  await compileProtos(ctx, scope, tools.buf);
  const files = await loadFiles(scope);
  checkDirectories(scope, files);
  return files;
}

interface Placed {
  written: string[];
  removed: string[];
  /** SHA-256 by absolute path. */
  outputs: Record<string, string>;
}

/** All repositories are generated before the first file is placed: a failure leaves everything as it was. */
async function emitAll(ctx: FlowContext, work: Work & { files: Files }): Promise<Placed> {
  const results: { rpc: string; files: ReadonlyMap<string, string> }[] = [];
  for (const repository of work.scope.repositories) {
    const files = await emitRepository(ctx, work, repository);
    results.push({ rpc: join(repository.dir, "rpc"), files });
  }
  for (const { rpc, files } of results) await checkPlaces(rpc, files);
  const placed: Placed = { written: [], removed: [], outputs: {} };
  for (const { rpc, files } of results) {
    const { written, removed } = await placeFiles(rpc, files, { dryRun: work.dryRun === true });
    placed.written.push(...written);
    placed.removed.push(...removed);
    for (const [path, content] of files) placed.outputs[join(rpc, path)] = sha256(content);
  }
  return placed;
}
