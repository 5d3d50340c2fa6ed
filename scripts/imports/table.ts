/**
 * DESIGN's table of folders: what each may import. Everything that the rules know about this project's folders
 * and packages stands here.
 */

/** Features from the lowest to the highest; those of one row do not import each other. */
export const featureRanks = [
  ["consul"],
  ["vendoring"],
  ["toolchain"],
  ["codegen"],
  ["workspace"],
  ["edge", "gateway", "dashboard"],
  ["runner"],
] as const;

/** Features that may use `src/http2`, which is the runtime's otherwise. */
export const http2Features: readonly string[] = ["edge", "gateway"];

/** Packages with one home: only files below one of these paths may import them. */
export const packageHomes: Readonly<Record<string, readonly string[]>> = {
  "@clack/prompts": ["src/cli/ui/"],
  "@fastify/busboy": ["src/runtime/internal/"],
  "@grpc/grpc-js": ["src/runtime/internal/transport/grpc-js/"],
  "@npmcli/arborist": ["src/vendoring/"],
  "cli-table3": ["src/cli/"],
  commander: ["src/cli/"],
  consul: ["src/runtime/consul/"],
  esbuild: ["scripts/"],
  execa: ["src/core/"],
  "log-update": ["src/cli/ui/"],
  "oxc-parser": ["scripts/"],
  pacote: ["src/vendoring/"],
  "proper-lockfile": ["src/core/"],
  "simple-git": ["src/core/git/"],
  "write-file-atomic": ["src/core/"],
  zx: ["scripts/"],
};

/** What may be loaded with a command before it acts; everything else waits for the action that needs it. */
export const lightPackages: readonly string[] = ["commander", "fastest-levenshtein"];

/** What may be loaded with `main.ts`, before the compile cache is on. */
export const launcherImports: readonly string[] = ["src/core/paths.ts", "src/core/pinned-flow.ts"];

/** Files below `src/cli` that may touch any of `process`. */
export const processReaders: readonly string[] = ["src/runtime/environment.ts"];

/** What is the same for every caller in a process, and so needs no context. */
export const harmlessProcess: readonly string[] = [
  "arch",
  "getuid",
  "hrtime",
  "nextTick",
  "pid",
  "platform",
  "report",
  "version",
  "versions",
];

/** Members of `process` that core alone may use beyond {@link harmlessProcess}. */
export const coreProcess: readonly string[] = ["kill"];

/** Where the verbs are listed, each with the `import()` that loads it. */
export const commandTable = "src/cli/commands/index.ts";

/** What every command loads, by `import()` or not, before it acts. */
export const frameModules: readonly string[] = [
  "src/cli/program.ts",
  "src/cli/context.ts",
  "src/cli/ui/reporter.ts",
  "src/cli/ui/print-result.ts",
  "src/cli/ui/print-error.ts",
];
