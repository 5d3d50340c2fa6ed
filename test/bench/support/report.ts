import { existsSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { arch, cpus, release, totalmem, type } from "node:os";
import { dirname, join } from "node:path";
import { checkoutRoot } from "../../support/context.ts";

const file = join(checkoutRoot, "docs/benchmarks.md");

/** Puts a benchmark's result with its date and machine between its markers in docs/benchmarks.md. */
export async function writeResult(name: string, body: string, version: string): Promise<void> {
  const [start, end] = [`<!-- bench:${name} -->`, `<!-- /bench:${name} -->`];
  const old = existsSync(file) ? await readFile(file, "utf8") : "# Benchmarks\n";
  const date = new Date().toISOString().slice(0, 10);
  const block = [start, "", body.trim(), "", `*goflow ${version}, ${date}: ${machine()}.*`, "", end].join("\n");
  const [from, to] = [old.indexOf(start), old.indexOf(end)];
  const text =
    from < 0 || to < from
      ? `${old.trimEnd()}\n\n## ${name}\n\n${block}\n`
      : old.slice(0, from) + block + old.slice(to + end.length);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, text);
}

function machine(): string {
  const processors = cpus();
  const memory = `${Math.round(totalmem() / 2 ** 30)} GiB`;
  return [
    `${processors.length} × ${processors[0]?.model.trim() ?? "unknown"}`,
    memory,
    `${type()} ${release()} ${arch()}`,
    `Node ${process.versions.node}`,
  ].join(", ");
}
