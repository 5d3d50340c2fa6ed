import { createHash } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { glob } from "tinyglobby";

/** Root of this checkout. */
export const root = fileURLToPath(new URL("../..", import.meta.url)).replace(/\/$/, "");

/** What goes into a release as it lies here. */
export const copied = ["bin/**", "templates/**", "vendor-manifest.json", "LICENSE", "README.md"];

/** Paths below `dir`, sorted by their bytes, so that every machine sees one order. */
export async function listFiles(patterns: readonly string[], dir: string): Promise<string[]> {
  const files = await glob(patterns, { cwd: dir, dot: true, followSymbolicLinks: false, expandDirectories: false });
  return files.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
}

/** SHA-256 over everything that a release is made from: sources, settings, the lock, and these scripts. */
export async function hashInputs(): Promise<string> {
  const settings = ["package.json", "package-lock.json", "tsconfig.json", "tsconfig.build.json"];
  const files = await listFiles(
    ["src/**", "scripts/pack.ts", "scripts/pack/**", "scripts/release/**", ...settings, ...copied],
    root,
  );
  const rows = await Promise.all(
    files.map(async (file) => {
      const [bytes, { mode }] = await Promise.all([readFile(join(root, file)), stat(join(root, file))]);
      return `${file}\0${(mode & 0o111) === 0 ? "" : "x"}\0${createHash("sha256").update(bytes).digest("hex")}\n`;
    }),
  );
  return createHash("sha256").update(rows.join("")).digest("hex");
}
