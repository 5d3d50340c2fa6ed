import { execa } from "execa";
import { cp, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { checkoutRoot } from "../../support/context.ts";
import { tempDirectory } from "../../support/temp.ts";

/** Faults such as people make: a file of src/http2, what stands there, and what is put in its place. */
const faults: Record<string, [file: string, right: string, wrong: string]> = {
  "a stream that ignores its send window": ["sender.ts", "stream.sendWindow -= size;", ""],
  "a kept header block that outlives a change of the table": [
    "hpack/decoder.ts",
    "this.#table.add(field);\n      this.#kept = [];",
    "this.#table.add(field);",
  ],
  "a stream that ends with bytes still counted": [
    "stream.ts",
    "this.connection.unread -= this.unread + this.kept;",
    "",
  ],
  "trailers that overtake what waits": ["stream.ts", "if (this.waiting) {", "if (this.id < 0) {"],
};

test.each(Object.keys(faults))("fuzzing finds %s, and its seed repeats it", async (name) => {
  const [file, right, wrong] = faults[name] as (typeof faults)[string];
  const dir = await tempDirectory();
  for (const part of [
    "src/http2",
    "test/fuzz",
    "test/support/http2-raw.ts",
    "test/support/http2-server.ts",
    "package.json",
  ])
    await cp(join(checkoutRoot, part), join(dir, part), { recursive: true });
  const path = join(dir, "src/http2", file);
  const source = await readFile(path, "utf8");
  expect(source).toContain(right);
  await writeFile(path, source.replace(right, wrong));
  const fuzz = (...args: readonly string[]) =>
    execa(process.execPath, ["test/fuzz/main.ts", ...args], { cwd: dir, reject: false });
  const { exitCode, stderr } = await fuzz("--seconds", "30");
  expect(exitCode, stderr).toBe(1);
  const [, seed] = /failed with --seed (\d+)\n/.exec(stderr) ?? [];
  expect((await fuzz("--seed", seed as string)).stderr).toContain(`failed with --seed ${seed}\n`);
});
