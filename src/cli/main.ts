import { readFileSync } from "node:fs";
import { enableCompileCache } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { cacheDirectory } from "../core/paths.ts";
import { pinnedFlow } from "../core/pinned-flow.ts";

const { argv, env } = process;
const root = packageRoot();
const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { version: string };
// A new workspace is made, and one is mended, by the flow that is asked to.
const pinned = argv[2] === "bootstrap" ? undefined : pinnedFlow(process.cwd(), env);
const other = pinned === undefined || pinned.version === version ? undefined : pinned;

if (other?.main !== undefined) {
  await import(pathToFileURL(other.main).href);
} else if (argv.length === 3 && (argv[2] === "--version" || argv[2] === "-V")) {
  // What a shell's prompt or a script asks most is answered before anything is loaded.
  process.stdout.write(`${version}\n`);
} else {
  enableCompileCache(join(cacheDirectory(env), "compile-cache"));
  const { main } = await import("./program.ts");
  process.exitCode = await main(argv.slice(2), root, other);
}

/** Directory of flow's package.json: two levels above `src/cli/main.ts` and `dist/cli/main.js` alike. */
function packageRoot(): string {
  return dirname(dirname(dirname(fileURLToPath(import.meta.url))));
}
