/** Protobuf to clients, servers and web API; skeletons of services; the code path of an RPC. */
export { generate, type GenerateResult } from "./generate.ts";
export type { ImplementationReport } from "./implementations.ts";
export type { IndexedMethod } from "./method-index.ts";
export { findTarget, type CodegenTarget } from "./scope.ts";
export type { CodegenTools } from "./tools.ts";
export { exampleNpmSpecs, scaffoldExample } from "./scaffold/example.ts";
export { applyExamplePatch, createExampleUpstream, exampleGitPrefix } from "./scaffold/example-upstream.ts";
export { scaffoldRepository, type RepositoryOptions } from "./scaffold/repository.ts";
export { findMethod, parseMethodName } from "./method-name.ts";
export { locateMethod, type MethodPlace } from "./where.ts";
