import { copyFile, mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { $ } from "zx";
import { listFiles, root } from "./inputs.ts";

/** Compiles the runtime into `out` as JavaScript, declarations and maps, its protos beside them. Types are `npm run check`'s matter. */
export async function compileRuntime(out: string): Promise<void> {
  await $({ cwd: root, quiet: true })`node_modules/.bin/tsc -p tsconfig.build.json --noCheck --outDir ${out}`;
  await Promise.all([copyProtos(out), pointDeclarationsToJavaScript(out), pointMapsToSources(out)]);
}

async function copyProtos(out: string): Promise<void> {
  for (const file of await listFiles(["runtime/**/*.proto"], join(root, "src"))) {
    await mkdir(dirname(join(out, file)), { recursive: true });
    await copyFile(join(root, "src", file), join(out, file));
  }
}

/** The compiler rewrites `./x.ts` to `./x.js` in JavaScript only; a declaration would name a file that is not shipped. */
async function pointDeclarationsToJavaScript(out: string): Promise<void> {
  for (const file of await listFiles(["**/*.d.ts"], out)) {
    const text = await readFile(join(out, file), "utf8");
    const rewritten = text.replace(/((?:from|import)\s*\(?\s*["']\.{1,2}\/[^"']*)\.ts(["'])/g, "$1.js$2");
    if (rewritten !== text) await writeFile(join(out, file), rewritten);
  }
}

/** A map names its source as if `src` lay beside `dist` in the package (its text is in the map), wherever this was built. */
async function pointMapsToSources(out: string): Promise<void> {
  for (const file of await listFiles(["**/*.js.map"], out)) {
    const map = JSON.parse(await readFile(join(out, file), "utf8")) as { sources: string[] };
    const source = join("src", file.replace(/\.js\.map$/, ".ts"));
    map.sources = [relative(dirname(join("dist", file)), source)];
    await writeFile(join(out, file), JSON.stringify(map));
  }
}
