/** `npm run gen`: makes the *_pb.ts files of the runtime's protos, and of the protos that its tests use. */
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { $, glob } from "zx";

const root = fileURLToPath(new URL("..", import.meta.url));
const plugin = "target=ts,import_extension=ts,erasable_syntax=true";
const runtime = join(root, "src/runtime/proto");
const fixtures = join(root, "test/fixtures/proto");

async function generate(modules: readonly string[], only: string, out: string): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), "flow-gen-"));
  try {
    for (const module of modules)
      await cp(module, dir, { recursive: true, filter: (path) => !path.endsWith(".ts") && !path.endsWith(".yaml") });
    const template = {
      version: "v2",
      plugins: [{ local: join(root, "node_modules/.bin/protoc-gen-es"), out, opt: plugin.split(",") }],
    };
    await writeFile(join(dir, "buf.yaml"), "version: v2\n");
    await $({
      cwd: dir,
      env: { ...process.env, BUF_CACHE_DIR: join(dir, ".cache") },
    })`${join(root, "node_modules/.bin/buf")} generate --template ${JSON.stringify(template)} ${only === "" ? [] : ["--path", only]}`;
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

await generate([runtime], "", runtime);
await generate([runtime, fixtures], "test", fixtures);
for (const file of await glob("test/**/*_pb.ts", { cwd: fixtures })) {
  const path = join(fixtures, file);
  // The runtime's own protos lie in its folder, not beside the fixtures.
  await writeFile(
    path,
    (await readFile(path, "utf8")).replaceAll(/"\.\.\/(flow|google)\//g, '"../../../../src/runtime/proto/$1/'),
  );
}
