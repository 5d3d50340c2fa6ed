import { execa } from "execa";
import { cp, mkdir, readFile, writeFile } from "node:fs/promises";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { poll } from "../../src/core/retry.ts";
import { checkoutRoot } from "../support/context.ts";
import { directoryState } from "../support/directory-state.ts";
import { startRegistry, type TestRegistry } from "../support/registry.ts";
import { freshMachine } from "../support/shared-cache.ts";
import { tempDirectory } from "../support/temp.ts";

interface Checkout {
  root: string;
  home: string;
  registry: TestRegistry;
  env: Record<string, string>;
  bootstrap(args?: readonly string[]): Promise<{ stdout: string; stderr: string; exitCode: number | undefined }>;
}

const other = process.platform === "darwin" ? "linux" : "darwin";

/** A checkout of flow with its scripts, and one dependency with a package for each of two platforms. */
async function makeCheckout({ withHole = false } = {}): Promise<Checkout> {
  const dir = await tempDirectory("flow checkout");
  const [root, home] = [join(dir, "flow"), join(dir, "home")];
  await Promise.all([mkdir(root), mkdir(home)]);
  await cp(join(checkoutRoot, "bin"), join(root, "bin"), { recursive: true });
  await cp(join(checkoutRoot, "bootstrap.sh"), join(root, "bootstrap.sh"));
  const registry = await startRegistry();
  const binaries = { [`tiny-${process.platform}`]: "1.0.0", [`tiny-${other}`]: "1.0.0" };
  const tiny = { name: "tiny", version: "1.0.0", optionalDependencies: binaries };
  const own = { name: `tiny-${process.platform}`, version: "1.0.0", os: [process.platform] };
  const foreign = { name: `tiny-${other}`, version: "1.0.0", os: [other] };
  registry.publish(tiny, own, ...(withHole ? [] : [foreign]));
  const manifest = { name: "goflow", version: "0.0.0", type: "module", dependencies: { tiny: "1.0.0" } };
  await writeFile(
    join(root, "package.json"),
    JSON.stringify({ ...manifest, scripts: { test: "node test.js" } }, null, 2),
  );
  await cp(join(checkoutRoot, ".npmrc"), join(root, ".npmrc"));
  await writeFile(join(root, "test.js"), `console.log("tested with npm", process.env.npm_config_user_agent);`);
  // Node and npm come once, from the real registry; the dependencies from the test's own.
  const bring = await execa("sh", [join(root, "bin/bring.sh"), "npm"], { env: freshMachine(home), extendEnv: false });
  const env = freshMachine(home, { npm_config_registry: registry.url });
  const locking = ["install", "--package-lock-only", "--ignore-scripts", "--cache", join(dir, "npm")];
  await execa(join(bring.stdout, "npm"), locking, { cwd: root, env, extendEnv: false });
  return {
    root,
    home,
    registry,
    env,
    bootstrap: async (args = []) => {
      const options = { cwd: root, env, extendEnv: false, reject: false, stdin: "ignore" } as const;
      const { stdout, stderr, exitCode } = await execa("./bootstrap.sh", [...args], options);
      return { stdout, stderr, exitCode };
    },
  };
}

test("installs what the lock says, tells how to go on, and does nothing the second time", async () => {
  const { root, home, bootstrap } = await makeCheckout();
  const first = await bootstrap();
  expect(first, first.stderr).toMatchObject({ exitCode: 0, stdout: expect.stringContaining("bootstrap.sh demo") });
  expect(existsSync(join(root, "node_modules/tiny/package.json"))).toBe(true);
  const before = await directoryState(root);
  const start = performance.now();
  expect(await bootstrap()).toMatchObject({ exitCode: 0, stderr: "" });
  expect(performance.now() - start).toBeLessThan(1_000);
  expect(await directoryState(root)).toEqual(before);
  expect(await directoryState(home)).toEqual([]);
});

test("installs anew when the lock has changed", async () => {
  const { root, bootstrap } = await makeCheckout();
  await bootstrap();
  const lock = join(root, "package-lock.json");
  await writeFile(lock, `${await readFile(lock, "utf8")}\n`);
  expect(await bootstrap()).toMatchObject({ exitCode: 0, stderr: expect.stringContaining("Installing") });
  expect(await bootstrap()).toMatchObject({ exitCode: 0, stderr: "" });
});

test("says which platforms' packages the lock lacks, installs what it holds, and leaves it unchanged", async () => {
  const { root, bootstrap } = await makeCheckout({ withHole: true });
  const lock = await readFile(join(root, "package-lock.json"), "utf8");
  const result = await bootstrap();
  expect(result, result.stderr).toMatchObject({ exitCode: 0, stderr: expect.stringContaining(`tiny-${other}`) });
  expect(existsSync(join(root, "node_modules/tiny"))).toBe(true);
  expect(await readFile(join(root, "package-lock.json"), "utf8")).toBe(lock);
});

test("a registry that does not answer is an error with a hint, and the next run goes on", async () => {
  const checkout = await makeCheckout();
  const lockout = { ...checkout.env, npm_config_registry: "http://127.0.0.1:1/", npm_config_fetch_retries: "0" };
  const failed = await execa("./bootstrap.sh", [], {
    cwd: checkout.root,
    env: lockout,
    extendEnv: false,
    reject: false,
  });
  expect(failed.exitCode).toBe(1);
  expect(failed.stderr).toMatch(/npm ci failed[^]*ECONNREFUSED[^]*hint: check the network/);
  expect(await checkout.bootstrap()).toMatchObject({ exitCode: 0 });
  expect(existsSync(join(checkout.root, "node_modules/tiny"))).toBe(true);
});

test("killed in the middle of an installation, it goes on the next time; one run at a time installs", async () => {
  const { root, registry, env, bootstrap } = await makeCheckout();
  registry.hang("tiny@1.0.0.tgz");
  const options = { cwd: root, env, extendEnv: false, reject: false, stdin: "ignore", detached: true } as const;
  const child = execa("./bootstrap.sh", [], options);
  await poll(() => registry.requests.some((path) => path.includes(".tgz")), { timeoutMs: 20_000 });
  process.kill(-(child.pid as number), "SIGKILL");
  await child;
  registry.hang(undefined);
  const results = await Promise.all([bootstrap(), bootstrap(), bootstrap()]);
  expect(results.map(({ exitCode }) => exitCode)).toEqual([0, 0, 0]);
  expect(results.filter(({ stderr }) => stderr.includes("Installing the dependencies"))).toHaveLength(1);
  expect(existsSync(join(root, "node_modules/tiny"))).toBe(true);
});

test("./bootstrap.sh test runs the tests with the pinned npm", async () => {
  const { root, bootstrap } = await makeCheckout();
  const version = /FLOW_NPM_VERSION=(.*)/.exec(await readFile(join(root, "bin/pins.sh"), "utf8"))?.[1];
  expect(await bootstrap(["test"])).toMatchObject({ exitCode: 0, stdout: expect.stringContaining(`npm/${version} `) });
});

test("an unknown word and a missing program are named", async () => {
  const { root, env, bootstrap } = await makeCheckout();
  expect(await bootstrap(["tset"])).toMatchObject({
    exitCode: 2,
    stderr: expect.stringContaining("./bootstrap.sh test"),
  });
  const empty = join(root, "empty");
  await mkdir(empty);
  await execa("ln", ["-s", "/bin/sh", "/usr/bin/dirname", "/bin/sed", empty]);
  const bare = await execa("/bin/sh", ["bootstrap.sh"], {
    cwd: root,
    env: { ...env, PATH: empty },
    extendEnv: false,
    reject: false,
  });
  expect(bare).toMatchObject({ exitCode: 1, stderr: expect.stringContaining("there is no git on PATH") });
});

test("bin/flow in a checkout without its dependencies names bootstrap.sh", async () => {
  const { root, env } = await makeCheckout();
  await mkdir(join(root, "src/cli"), { recursive: true });
  await writeFile(join(root, "src/cli/main.ts"), "");
  const result = await execa("bin/flow", ["doctor"], { cwd: root, env, extendEnv: false, reject: false });
  expect(result).toMatchObject({ exitCode: 1, stderr: expect.stringContaining(`${root}/bootstrap.sh`) });
});
