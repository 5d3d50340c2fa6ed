import { execa } from "execa";
import { createHash, createPrivateKey } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, realpath, rename, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { extract } from "tar";
import { packDirectory } from "../../scripts/pack/build.ts";
import { hashInputs } from "../../scripts/pack/inputs.ts";
import { makeKey, publicText, signatureFile } from "../../scripts/release/keys.ts";
import { writeReleaseManifest } from "../../scripts/release/manifest.ts";
import { copyCheckout } from "./checkout-copy.ts";
import { checkoutRoot } from "./context.ts";
import { git, writeFiles } from "./git-repository.ts";
import { freshMachine, sharedCache } from "./shared-cache.ts";
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
  /** Checkout that the second is made from. */
  checkout: string;
  /** File of the key that signs them, and of the one that signs their successors. */
  key: string;
  nextKey: string;
  /** Tarballs by version. */
  tarballs: Record<"1.0.0" | "1.1.0", string>;
}

/**
 * Two releases made by scripts/release.ts, once for all tests of the same sources: 1.0.0 of the sources as they are; 1.1.0
 * of sources whose command line and runtime differ, tested with another zx, and trusting the next key.
 */
export async function makeReleases({ ok }: Pick<Machine, "ok">): Promise<Releases> {
  const all = join(sharedCache, "releases");
  const own = await readFile(fileURLToPath(import.meta.url));
  const hash = createHash("sha256")
    .update(await hashInputs())
    .update(own);
  const home = join(all, hash.digest("hex").slice(0, 16));
  const releases: Releases = {
    checkout: join(home, "checkout"),
    key: join(home, "release-key.pem"),
    nextKey: join(home, "next-key.pem"),
    tarballs: { "1.0.0": join(home, "goflow-1.0.0.tgz"), "1.1.0": join(home, "goflow-1.1.0.tgz") },
  };
  await mkdir(all, { recursive: true });
  await dropOld(all);
  if (existsSync(home)) return releases;
  const staging = await mkdtemp(join(all, ".staging-"));
  const checkout = join(staging, "checkout");
  const [key, nextKey] = [join(staging, "release-key.pem"), join(staging, "next-key.pem")];
  await copyCheckout(checkout);
  await makeKey(key);
  const trusted = await makeKey(nextKey);
  const make = async (root: string, version: string, ...args: string[]) =>
    await ok([
      process.execPath,
      join(root, "scripts/release.ts"),
      "--key",
      key,
      "--version",
      version,
      "--out",
      staging,
      ...args,
    ]);
  await make(checkoutRoot, "1.0.0");
  await append(join(checkout, "src/runtime/index.ts"), "\nexport const generation: number = 2;\n");
  await replace(join(checkout, "src/cli/commands/version.ts"), "`flow ${version}`", "`flow ${version}, the second`");
  await replace(join(checkout, "package.json"), `"zx": "${zx.first}"`, `"zx": "${zx.second}"`);
  await make(checkout, "1.1.0", "--trust", trusted);
  await rename(staging, home).catch((error: unknown) => {
    // Another test was faster.
    if (!existsSync(home)) throw error;
  });
  return releases;
}

/** Removes releases of earlier sources; those of another checkout on this machine may be in use just now. */
async function dropOld(all: string): Promise<void> {
  for (const name of await readdir(all)) {
    const { mtimeMs } = await stat(join(all, name)).catch(() => ({ mtimeMs: Date.now() }));
    if (Date.now() - mtimeMs > 3 * 3_600_000) await rm(join(all, name), { recursive: true, force: true });
  }
}

/** Versions of zx that the two releases were tested with. */
export const zx = { first: "8.8.5", second: "8.8.4" };

/** Another release with the content of one there is. */
export async function deriveRelease(
  dir: string,
  { from, version, keyFile }: { from: string; version: string; keyFile: string },
): Promise<string> {
  const root = join(dir, `derived-${version}`);
  await unpackFlow(root, from);
  await replace(join(root, "package.json"), /"version": "[^"]+"/, `"version": "${version}"`);
  const facts = JSON.parse(await readFile(join(root, "release.json"), "utf8")) as {
    node: string;
    tools: Record<string, string>;
  };
  const key = createPrivateKey(await readFile(keyFile, "utf8"));
  const manifest = await writeReleaseManifest(root, {
    version,
    keys: [publicText(key)],
    engines: { node: facts.node },
    devDependencies: facts.tools,
  });
  await writeFile(join(root, "release.sig"), await signed(manifest, keyFile));
  await packDirectory(root, `${root}.tgz`);
  return `${root}.tgz`;
}

async function append(path: string, text: string): Promise<void> {
  await writeFile(path, (await readFile(path, "utf8")) + text);
}

async function replace(path: string, what: string | RegExp, by: string): Promise<void> {
  const text = await readFile(path, "utf8");
  const changed = text.replace(what, () => by);
  if (changed === text) throw new Error(`${path} has no ${what}`);
  await writeFile(path, changed);
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

/** The public half of the key in a PEM file, as flow.yaml names it. */
export async function publicKey(keyFile: string): Promise<string> {
  return publicText(createPrivateKey(await readFile(keyFile, "utf8")));
}

/** release.sig of these manifest bytes by the key in a PEM file. */
export async function signed(manifest: Uint8Array, keyFile: string): Promise<string> {
  return signatureFile(manifest, [createPrivateKey(await readFile(keyFile, "utf8"))]);
}
