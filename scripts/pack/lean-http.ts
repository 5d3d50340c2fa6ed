import type { Plugin } from "esbuild";

/**
 * Takes `node:http` as a CommonJS module. An ESM import of it reads every export once, and two of them
 * (`WebSocket`, `MessageEvent`) load all of undici: 40 ms that `flow ps` would pay for one request over a socket.
 */
export const leanHttp: Plugin = {
  name: "lean-http",
  setup: ({ onResolve, onLoad }) => {
    onResolve({ filter: /^(?:node:)?http$/ }, ({ kind }) =>
      kind === "import-statement" ? { path: "node:http", namespace: "builtin" } : undefined,
    );
    onLoad({ filter: /.*/, namespace: "builtin" }, ({ path }) => ({
      contents: `module.exports = process.getBuiltinModule(${JSON.stringify(path)});`,
    }));
  },
};
