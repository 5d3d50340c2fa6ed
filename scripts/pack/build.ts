import { existsSync } from "node:fs";
import {
  chmod,
  copyFile,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  utimes,
  writeFile,
} from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { create } from "tar";
import { $ } from "zx";
import { writeReleaseManifest } from "../release/manifest.ts";
import { bundleCli } from "./cli-bundle.ts";
import { copied, hashInputs, listFiles, root } from "./inputs.ts";
import { thirdPartyNotices } from "./notices.ts";
import { releaseManifest, releaseVersion, type SourceManifest } from "./release-manifest.ts";
import { compileRuntime } from "./runtime-library.ts";

export interface Release {
  version: string;
  tarball: string;
  /** The tarball's content, ready to run in place. */
  directory: string;
  /** Whether it was there already. */
  cached: boolean;
}

export interface BuildOptions {
  /** The version without the suffix that work in progress gets. Default false. */
  release?: boolean;
  /** Where releases are built and kept. Default: `dist/` of this checkout. */
  dist?: string;
}

/** Builds the release of what lies in this checkout, unless `dist` holds it already. Several may build at once. */
export async function buildRelease({
  release: final = false,
  dist = join(root, "dist"),
}: BuildOptions = {}): Promise<Release> {
  for (let attempt = 1; attempt <= 5; attempt++) {
    const manifest = JSON.parse(await readFile(join(root, "package.json"), "utf8")) as SourceManifest;
    const hash = await hashInputs();
    const version = final ? manifest.version : releaseVersion(manifest.version, hash);
    const home = join(dist, `${version}-${hash.slice(0, 12)}`);
    const release = { version, tarball: join(home, `goflow-${version}.tgz`), directory: join(home, "package") };
    if (existsSync(release.tarball)) {
      await utimes(home, new Date(), new Date());
      return { ...release, cached: true };
    }
    if (await buildInto(home, { hash, tarball: basename(release.tarball), manifest, version })) {
      await dropOld(home);
      return { ...release, cached: false };
    }
  }
  throw new Error("the sources change all the time; build again when they are at rest");
}

interface Build {
  hash: string;
  tarball: string;
  manifest: SourceManifest;
  version: string;
}

/** Builds beside `home` and renames. False when the sources changed meanwhile, so that they are not what `hash` says. */
async function buildInto(home: string, { hash, tarball, manifest, version }: Build): Promise<boolean> {
  await mkdir(dirname(home), { recursive: true });
  const staging = await mkdtemp(join(dirname(home), ".staging-"));
  try {
    await fill(join(staging, "package"), manifest, version);
    await packDirectory(join(staging, "package"), join(staging, tarball));
    if ((await hashInputs()) !== hash) return false;
    await rename(staging, home).catch((error: unknown) => {
      // Another build of the same sources was faster.
      if (!existsSync(join(home, tarball))) throw error;
    });
    return true;
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
}

async function fill(dir: string, manifest: SourceManifest, version: string): Promise<void> {
  await mkdir(dir);
  const files = await listFiles(copied, root);
  const [inputs] = await Promise.all([
    bundleCli(join(dir, "dist", "cli")),
    compileRuntime(join(dir, "dist")),
    ...files.map((file) => copyInto(dir, file)),
    writeFile(join(dir, "package.json"), releaseManifest(manifest, version)),
    editorSchema().then((schema) => writeFile(join(dir, "flow.schema.json"), schema)),
  ]);
  await writeFile(join(dir, "THIRD-PARTY-NOTICES.txt"), await thirdPartyNotices(inputs));
  const { engines, devDependencies } = manifest;
  await writeReleaseManifest(dir, { version, keys: [], engines, devDependencies });
}

/** What `flow schema` prints: editors read it from the package. */
async function editorSchema(): Promise<string> {
  const { stdout } = await $({ quiet: true })`${process.execPath} ${join(root, "src/cli/main.ts")} schema`;
  return stdout;
}

async function copyInto(dir: string, file: string): Promise<void> {
  await mkdir(dirname(join(dir, file)), { recursive: true });
  await copyFile(join(root, file), join(dir, file));
  const { mode } = await stat(join(root, file));
  await chmod(join(dir, file), (mode & 0o111) === 0 ? 0o644 : 0o755);
}

/** A tarball as `npm pack` lays it out; time, owner, order and compression depend on nothing but the content. */
export async function packDirectory(dir: string, tarball: string): Promise<void> {
  const files = await listFiles(["**"], dir);
  await create(
    {
      cwd: dir,
      file: tarball,
      gzip: { level: 9 },
      portable: true,
      mtime: new Date("1985-10-26T08:15:00Z"),
      prefix: "package",
      noDirRecurse: true,
    },
    files,
  );
}

/** Removes releases of earlier states that nobody has asked for during the last hours. */
async function dropOld(current: string): Promise<void> {
  const dist = dirname(current);
  for (const name of await readdir(dist)) {
    const path = join(dist, name);
    if (path === current) continue;
    const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: Date.now() }));
    if (Date.now() - mtimeMs > 2 * 3_600_000) await rm(path, { recursive: true, force: true });
  }
}
