import { resolve } from "node:path";
import type { Plugin } from "esbuild";

/**
 * Lets `await import("a-commonjs-package")` give its named exports, as it does in Node. A bundle that is split
 * knows only their `default`.
 */
export const namedExportsOfCommonJs: Plugin = {
  name: "named-exports-of-commonjs",
  setup: ({ onResolve, onLoad, initialOptions }) => {
    const own = resolve(initialOptions.absWorkingDir ?? ".", "src");
    onResolve({ filter: /^[^./]/ }, async ({ path, kind, importer, resolveDir }) => {
      if (kind !== "dynamic-import" || !importer.startsWith(own) || path.startsWith("node:")) return undefined;
      const namespace = (await import(path)) as Record<string, unknown>;
      if (!Object.hasOwn(namespace, "module.exports")) return undefined;
      const names = Object.keys(namespace).filter((name) => name !== "default" && name !== "module.exports");
      return { path, namespace: "commonjs", pluginData: { names, resolveDir } };
    });
    onLoad({ filter: /.*/, namespace: "commonjs" }, ({ path, pluginData }) => {
      const { names, resolveDir } = pluginData as { names: string[]; resolveDir: string };
      const lines = names.map(
        (name, index) =>
          `const v${index} = whole[${JSON.stringify(name)}]; export { v${index} as ${JSON.stringify(name)} };`,
      );
      return {
        contents: [`const whole = require(${JSON.stringify(path)}); export default whole;`, ...lines].join("\n"),
        resolveDir,
      };
    });
  },
};
