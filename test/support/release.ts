import { execa } from "execa";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { extract } from "tar";
import { buildRelease } from "../../scripts/pack/build.ts";

export interface UnpackedRelease {
  version: string;
  tarball: string;
  /** The package as it lies at its user's. */
  directory: string;
}

/** Packs this checkout and unpacks the tarball in `dir`, as a registry client does. */
export async function unpackRelease(dir: string): Promise<UnpackedRelease> {
  const { version, tarball } = await buildRelease();
  const directory = join(dir, "goflow");
  await mkdir(directory, { recursive: true });
  await extract({ file: tarball, cwd: directory, strip: 1 });
  return { version, tarball, directory };
}

/** Runs a released `flow` with nothing of this process's environment but PATH; HOME is `home`. */
export async function runReleased(release: UnpackedRelease, args: readonly string[], home: string) {
  const { stdout, stderr, exitCode } = await execa(
    process.execPath,
    [join(release.directory, "dist/cli/main.js"), ...args],
    {
      cwd: home,
      env: { PATH: process.env.PATH ?? "", HOME: home },
      extendEnv: false,
      reject: false,
      stdin: "ignore",
    },
  );
  return { stdout, stderr, exitCode };
}
