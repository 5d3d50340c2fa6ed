import { createHash } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { listFiles } from "../pack/inputs.ts";

/** Packages whose versions a release is tested with, and which a mirror should hold beside it. */
const tested = ["@bufbuild/buf", "@bufbuild/protoc-gen-es", "zx"];

interface ReleaseFacts {
  version: string;
  /** Public keys that installations of this release will trust. */
  keys: readonly string[];
  engines: Readonly<Record<string, string>>;
  devDependencies: Readonly<Record<string, string>>;
}

/** Writes `release.json`: what the release is, and the SHA-256 of every file in `dir`. Returns its bytes. */
export async function writeReleaseManifest(dir: string, facts: ReleaseFacts): Promise<Buffer> {
  const { version, keys, engines, devDependencies } = facts;
  const files = (await listFiles(["**"], dir)).filter((file) => !["release.json", "release.sig"].includes(file));
  const rows = await Promise.all(
    files.map(async (file) => {
      const bytes = await readFile(join(dir, file));
      return [file, createHash("sha256").update(bytes).digest("hex")] as const;
    }),
  );
  const manifest = {
    format: 1,
    name: "goflow",
    version,
    channel: version.includes("-") ? "next" : "stable",
    node: engines.node,
    tools: Object.fromEntries(tested.map((name) => [name, devDependencies[name]])),
    keys,
    files: Object.fromEntries(rows),
  };
  const bytes = Buffer.from(`${JSON.stringify(manifest, null, 2)}\n`);
  await writeFile(join(dir, "release.json"), bytes);
  return bytes;
}
