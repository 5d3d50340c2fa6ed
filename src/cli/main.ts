import { enableCompileCache } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { cacheDirectory } from "../core/paths.ts";

const { argv, env } = process;

// What a shell's prompt or a script asks most is answered before anything is loaded.
if (argv.length === 3 && (argv[2] === "--version" || argv[2] === "-V")) {
  const { readFileSync } = await import("node:fs");
  const { version } = JSON.parse(readFileSync(join(packageRoot(), "package.json"), "utf8")) as { version: string };
  process.stdout.write(`${version}\n`);
} else {
  enableCompileCache(join(cacheDirectory(env), "compile-cache"));
  const { main } = await import("./program.ts");
  process.exitCode = await main(argv.slice(2), packageRoot());
}

/** Directory of flow's package.json: two levels above `src/cli/main.ts` and `dist/cli/main.js` alike. */
function packageRoot(): string {
  return dirname(dirname(dirname(fileURLToPath(import.meta.url))));
}
