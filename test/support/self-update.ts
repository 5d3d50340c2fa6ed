import { execa } from "execa";
import { createPrivateKey } from "node:crypto";
import { mkdir, mkdtemp, readFile, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { extract } from "tar";
import { signatureFile } from "../../scripts/release/keys.ts";
import { copyCheckout } from "./checkout-copy.ts";
import { git, writeFiles } from "./git-repository.ts";
import { freshMachine } from "./shared-cache.ts";
import { packageTarball } from "./tarball.ts";

export interface Machine {
  /** Temporary directory that holds everything. */
  dir: string;
  env: Record<string, string>;
  /** Runs a program and expects it to succeed; gives its standard output. */
  ok(argv: readonly string[], options?: RunOptions): Promise<string>;
  run(argv: readonly string[], options?: RunOptions): Promise<{ stdout: string; stderr: string; exitCode?: number }>;
}

interface RunOptions {
  cwd?: string;
  env?: Record<string, string>;
}

/** A machine of its own: an empty home, nothing of this process's environment but the network's. */
export async function makeMachine(name: string): Promise<Machine & AsyncDisposable> {
  const dir = await realpath(await mkdtemp(join(tmpdir(), `${name}-`)));
  const home = join(dir, "home");
  await mkdir(home);
  const env = freshMachine(home);
  const run: Machine["run"] = async ([file = "", ...args], options = {}) => {
    const { stdout, stderr, exitCode } = await execa(file, args, {
      cwd: options.cwd ?? dir,
      env: { ...env, ...options.env },
      extendEnv: false,
      reject: false,
      stdin: "ignore",
    });
    return { stdout, stderr, ...(exitCode === undefined ? {} : { exitCode }) };
  };
  return {
    dir,
    env,
    run,
    ok: async (argv, options) => {
      const { stdout, stderr, exitCode } = await run(argv, options);
      if (exitCode !== 0) throw new Error(`${argv.join(" ")} ended with ${exitCode}\n${stderr}\n${stdout}`);
      return stdout;
    },
    [Symbol.asyncDispose]: () => rm(dir, { recursive: true, force: true, maxRetries: 3 }),
  };
}

export interface Releases {
  /** Checkout that they are made from. */
  checkout: string;
  key: string;
  /** Tarballs by version. */
  tarballs: Record<string, string>;
}

/**
 * Two releases made by scripts/release.ts: 1.0.0 of the sources as they are, 1.1.0 of sources whose command line and
 * runtime differ.
 */
export async function makeReleases({ dir, ok }: Machine): Promise<Releases> {
  const checkout = join(dir, "checkout");
  const key = join(dir, "release-key.pem");
  await copyCheckout(checkout);
  const script = [process.execPath, join(checkout, "scripts/release.ts")];
  await ok([...script, "--make-key", key]);
  const make = async (version: string) =>
    (await ok([...script, "--key", key, "--version", version, "--out", join(dir, "releases")])).split("\n").at(-1) ??
    "";
  const first = await make("1.0.0");
  await append(join(checkout, "src/runtime/index.ts"), "\nexport const generation: number = 2;\n");
  const verb = join(checkout, "src/cli/commands/version.ts");
  await writeFile(verb, (await readFile(verb, "utf8")).replace("`flow ${version}`", "`flow ${version}, the second`"));
  return { checkout, key, tarballs: { "1.0.0": first, "1.1.0": await make("1.1.0") } };
}

async function append(path: string, text: string): Promise<void> {
  await writeFile(path, (await readFile(path, "utf8")) + text);
}

/** A tool as an npm package that prints its version: `hello --version`. */
export async function packTool(dir: string, version: string): Promise<string> {
  const path = join(dir, `hello-${version}.tgz`);
  const program = `#!/usr/bin/env node\nconsole.log("hello ${version}");\n`;
  const manifest = { name: "hello", version, license: "MIT", bin: { hello: "hello.js" } };
  await writeFile(path, packageTarball(manifest, { "hello.js": program }));
  return path;
}

/** The flow of a release, unpacked; gives its launcher. */
export async function unpackFlow(dir: string, tarball: string): Promise<string> {
  await mkdir(dir, { recursive: true });
  await extract({ file: tarball, cwd: dir, strip: 1 });
  return join(dir, "bin", "flow");
}

/** Whoever keeps the mirror, in a clone of it, elsewhere than the team's workspaces. */
export class Keeper {
  readonly dir: string;
  readonly #machine: Machine;
  readonly #flow: string;

  constructor(machine: Machine, { dir, flow }: { dir: string; flow: string }) {
    this.dir = dir;
    this.#machine = machine;
    this.#flow = flow;
  }

  async add(...tarballs: string[]): Promise<void> {
    await git(this.dir, ["pull", "--quiet", "--ff-only"]);
    await this.#machine.ok([this.#flow, "vendor", "add", ...tarballs.map((path) => `file:${path}`)], { cwd: this.dir });
    await this.#machine.ok([this.#flow, "vendor", "push"], { cwd: this.dir });
  }

  /** Changes flow's files as they lie in the mirror, as whoever can write to it could. Returns how to take it back. */
  async tamper(files: Record<string, string | Uint8Array | null>): Promise<() => Promise<void>> {
    const prefix = join(this.dir, "node_modules/goflow");
    await writeFiles(prefix, files);
    await git(this.dir, ["add", "--all", "--force", "--", "node_modules/goflow"]);
    await git(this.dir, ["commit", "--quiet", "--message", "Change flow"]);
    await git(this.dir, ["push", "--quiet"]);
    return async () => {
      await git(this.dir, ["revert", "--no-edit", "HEAD"]);
      await git(this.dir, ["push", "--quiet"]);
    };
  }

  async read(path: string): Promise<Buffer> {
    return await readFile(join(this.dir, "node_modules/goflow", path));
  }
}

/** release.sig of these manifest bytes by the key in a PEM file. */
export async function signed(manifest: Uint8Array, keyFile: string): Promise<string> {
  return signatureFile(manifest, [createPrivateKey(await readFile(keyFile, "utf8"))]);
}
