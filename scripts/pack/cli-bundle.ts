import { basename } from "node:path";
import { build, type BuildOptions, type Plugin } from "esbuild";
import { listFiles, root } from "./inputs.ts";
import { leanHttp } from "./lean-http.ts";
import { namedExportsOfCommonJs } from "./named-exports.ts";

/**
 * What CommonJS packages expect to find in their scope. They ask for `node:` modules by a `require` that is
 * known only at run time (graceful-fs, arborist's and pacote's dependencies), which ESM has not.
 */
const commonJsScope = [
  `import { createRequire as flowCreateRequire } from "node:module";`,
  `const require = flowCreateRequire(import.meta.url), __filename = import.meta.filename, __dirname = import.meta.dirname;`,
].join("\n");

const options = {
  absWorkingDir: root,
  bundle: true,
  platform: "node",
  format: "esm",
  target: "node22",
  metafile: true,
  legalComments: "none",
  logLevel: "warning",
} satisfies BuildOptions;

/** Bundles the command line into `out` and returns the paths of the sources that went in. */
export async function bundleCli(out: string): Promise<string[]> {
  const entries = await listFiles(["src/cli/entries/*.ts"], root);
  const [launcher, rest] = await Promise.all([
    build({ ...options, entryPoints: ["src/cli/main.ts"], outdir: out, plugins: [leaveOut("./program.ts")] }),
    build({
      ...options,
      entryPoints: ["src/cli/program.ts", ...entries],
      outbase: "src/cli",
      outdir: out,
      splitting: true,
      chunkNames: "chunks/[name]-[hash]",
      banner: { js: commonJsScope },
      plugins: [leanHttp, namedExportsOfCommonJs],
    }),
  ]);
  return [...Object.keys(launcher.metafile.inputs), ...Object.keys(rest.metafile.inputs)];
}

/**
 * Keeps `main.js` one small file without a static import of ours, so that `flow --version` reads nothing else
 * and the compile cache is on before the program is loaded.
 */
function leaveOut(specifier: string): Plugin {
  return {
    name: "leave-out",
    setup: ({ onResolve }) => {
      onResolve({ filter: /\.ts$/ }, ({ path }) =>
        path === specifier ? { path: `./${basename(path, ".ts")}.js`, external: true } : undefined,
      );
    },
  };
}
