import { createHash, type KeyObject } from "node:crypto";
import { cp, mkdir, mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { buildRelease, packDirectory } from "../pack/build.ts";
import { root } from "../pack/inputs.ts";
import { releaseManifest, type SourceManifest } from "../pack/release-manifest.ts";
import { publicText, signatureFile } from "./keys.ts";
import { writeReleaseManifest } from "./manifest.ts";

export interface MakeOptions {
  out: string;
  key: KeyObject;
  /** Default: that of package.json. */
  version?: string;
  /** Public keys that the release trusts besides its own: those that will sign its successors. */
  trust?: readonly string[];
}

/** Builds, signs and packs a release into `out`: the tarball, its manifest and signature, and a list of sums. */
export async function makeRelease({ out, key, version: asked, trust = [] }: MakeOptions): Promise<string> {
  // Nothing of a build but its package.json says a version: one build serves them all.
  const { directory } = await buildRelease();
  await mkdir(out, { recursive: true });
  const staging = await mkdtemp(join(out, ".staging-"));
  try {
    const dir = join(staging, "package");
    await cp(directory, dir, { recursive: true });
    const source = JSON.parse(await readFile(join(root, "package.json"), "utf8")) as SourceManifest;
    const version = asked ?? source.version;
    await writeFile(join(dir, "package.json"), releaseManifest(source, version));
    const keys = [...new Set([publicText(key), ...trust])];
    const { engines, devDependencies } = source;
    const manifest = await writeReleaseManifest(dir, { version, keys, engines, devDependencies });
    const signature = signatureFile(manifest, [key]);
    await writeFile(join(dir, "release.sig"), signature);
    const name = `goflow-${version}`;
    await packDirectory(dir, join(staging, `${name}.tgz`));
    await writeFile(join(staging, `${name}.release.json`), manifest);
    await writeFile(join(staging, `${name}.release.sig`), signature);
    const files = [`${name}.tgz`, `${name}.release.json`, `${name}.release.sig`];
    const sums = await Promise.all(files.map((file) => sumLine(join(staging, file))));
    await writeFile(join(staging, `${name}.SHA256SUMS`), sums.join(""));
    for (const file of [...files, `${name}.SHA256SUMS`]) await rename(join(staging, file), join(out, file));
    return join(out, `${name}.tgz`);
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
}

async function sumLine(path: string): Promise<string> {
  const sum = createHash("sha256").update(await readFile(path));
  return `${sum.digest("hex")}  ${basename(path)}\n`;
}
