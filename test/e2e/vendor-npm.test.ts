import { once } from "node:events";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { createServer, type AddressInfo } from "node:net";
import { join } from "node:path";
import { execa } from "execa";
import { describe, expect, onTestFinished, test } from "vitest";
import { addSources, openMirror, updatePrefixes, verifyMirror } from "../../src/vendoring/index.ts";
import { checkoutRoot, testContext } from "../support/context.ts";
import { flow } from "../support/flow.ts";
import { commitFiles, git, makeRepository } from "../support/git-repository.ts";
import { setUpMirror } from "../support/mirror.ts";
import { startRegistry, type PublishedPackage } from "../support/registry.ts";

/** What `require(name)` gives in a program that lies in the mirror. */
async function required(dir: string, expression: string): Promise<string> {
  return (await execa(process.execPath, ["-p", expression], { cwd: dir })).stdout;
}

async function versions(ctx: ReturnType<typeof testContext>, dir: string): Promise<Record<string, string | undefined>> {
  const { manifest } = await openMirror(ctx, dir);
  return Object.fromEntries(Object.entries(manifest.prefixes).map(([prefix, { version }]) => [prefix, version]));
}

const exporting = (text: string) => ({ "index.js": text });

describe("a closure", () => {
  test("holds two versions of one package, each dependent with its own, scoped and peer packages among them", async () => {
    const { ctx, registry, mirror, options } = await setUpMirror();
    registry.publish(
      {
        name: "app",
        version: "1.0.0",
        dependencies: { tool: "^2.0.0", "@acme-oss/old": "^1.0.0", plugin: "^1.0.0" },
        files: exporting(
          "exports.own = require('tool'); exports.old = require('@acme-oss/old'); exports.peer = require('plugin')",
        ),
      },
      { name: "tool", version: "1.4.0", files: exporting("module.exports = 'tool 1'") },
      { name: "tool", version: "2.1.0", files: exporting("module.exports = 'tool 2'") },
      {
        name: "@acme-oss/old",
        version: "1.0.0",
        dependencies: { tool: "^1.0.0" },
        files: exporting("module.exports = require('tool')"),
      },
      {
        name: "plugin",
        version: "1.0.0",
        peerDependencies: { tool: "2", host: "^3.0.0", never: "*" },
        peerDependenciesMeta: { never: { optional: true } },
        files: exporting("module.exports = require('host')"),
      },
      { name: "host", version: "3.0.0", files: exporting("module.exports = 'host 3'") },
    );
    await addSources(ctx, mirror, ["npm:app@^1"], options);
    expect(await versions(ctx, mirror)).toEqual({
      "node_modules/@acme-oss/old": "1.0.0",
      "node_modules/@acme-oss/old/node_modules/tool": "1.4.0",
      "node_modules/app": "1.0.0",
      "node_modules/host": "3.0.0",
      "node_modules/plugin": "1.0.0",
      "node_modules/tool": "2.1.0",
    });
    expect(await required(mirror, "JSON.stringify(require('app'))")).toBe(
      '{"own":"tool 2","old":"tool 1","peer":"host 3"}',
    );
    expect((await verifyMirror(ctx, await openMirror(ctx, mirror))).problems).toEqual([]);
  });

  test("holds an alias under its own name, asked for or needed, with the registry's name as its source", async () => {
    const { ctx, registry, mirror, options } = await setUpMirror();
    registry.publish(
      { name: "real", version: "1.2.0", files: exporting("module.exports = 'one'") },
      { name: "real", version: "2.0.0", files: exporting("module.exports = 'two'") },
      {
        name: "user",
        version: "1.0.0",
        dependencies: { "real-1": "npm:real@^1" },
        files: exporting("module.exports = require('real-1')"),
      },
    );
    await addSources(ctx, mirror, ["npm:user", "npm:newest@npm:real@^2"], options);
    const { prefixes } = (await openMirror(ctx, mirror)).manifest;
    expect(prefixes["node_modules/real-1"]).toMatchObject({ source: "npm:real", version: "1.2.0" });
    expect(prefixes["node_modules/newest"]).toMatchObject({ source: "npm:real", version: "2.0.0" });
    expect(await required(mirror, "require('user') + require('newest')")).toBe("onetwo");
  });

  test("holds the binaries of the platforms asked for, and tells what the registry lacks", async () => {
    const { ctx, registry, mirror, options } = await setUpMirror();
    const binary = (name: string, os: string, cpu: string): PublishedPackage => ({
      name,
      version: "1.0.0",
      os: [os],
      cpu: [cpu],
    });
    registry.publish(
      {
        name: "fast",
        version: "1.0.0",
        optionalDependencies: { "fast-linux-x64": "1.0.0", "fast-darwin-arm64": "1.0.0", "fast-win32-x64": "1.0.0" },
      },
      binary("fast-linux-x64", "linux", "x64"),
      binary("fast-darwin-arm64", "darwin", "arm64"),
    );
    const platforms = ["linux-x64", "darwin-arm64"];
    const { holes } = await addSources(ctx, mirror, ["npm:fast"], { ...options, platforms });
    expect(holes).toEqual(["fast-win32-x64@1.0.0"]);
    expect(Object.keys(await versions(ctx, mirror))).toEqual([
      "node_modules/fast",
      "node_modules/fast-darwin-arm64",
      "node_modules/fast-linux-x64",
    ]);
    await expect(addSources(ctx, mirror, ["npm:fast"], { ...options, platforms: ["win32-x64"] })).rejects.toMatchObject(
      { code: "FLOW_VENDOR_RESOLVE", message: expect.stringContaining("fast-win32-x64") },
    );
  });

  test("takes a name from a git source, for its dependents too, and refuses a version that does not fit", async () => {
    const { dir, ctx, registry, mirror, options } = await setUpMirror();
    registry.publish(
      { name: "left", version: "1.0.0", files: exporting("module.exports = 'registry'") },
      {
        name: "user",
        version: "1.0.0",
        dependencies: { left: "^1.0.0" },
        files: exporting("module.exports = require('left')"),
      },
      { name: "modern", version: "1.0.0", dependencies: { left: "^2.0.0" } },
    );
    await addSources(ctx, mirror, ["npm:user"], options);
    expect(await required(mirror, "require('user')")).toBe("registry");
    const fork = join(dir, "fork");
    await makeRepository(fork, {
      "package.json": '{"name":"left","version":"1.5.0"}',
      "index.js": "module.exports = 'fork'",
    });
    const { removed } = await addSources(ctx, mirror, [fork], { ...options, prefix: "host/org/left" });
    expect(removed).toEqual(["node_modules/left"]);
    expect(await required(mirror, "require('user')")).toBe("fork");
    await expect(addSources(ctx, mirror, ["npm:modern"], options)).rejects.toMatchObject({
      code: "FLOW_VENDOR_RESOLVE",
      message: expect.stringMatching(/left.*host\/org\/left/s),
    });
  });
});

describe("an existing lock", () => {
  /** A lock as npm itself writes it, of packages that have moved on since. */
  async function lockOf(dir: string, packages: Record<string, object>, root: object): Promise<string> {
    const path = join(dir, "package-lock.json");
    await writeFile(
      path,
      JSON.stringify({ name: "shop", lockfileVersion: 3, requires: true, packages: { "": root, ...packages } }),
    );
    return path;
  }

  test("is taken whole: its versions, its places, its development packages; not its addresses", async () => {
    const { dir, env, ctx, registry, mirror, options } = await setUpMirror();
    registry.publish(
      { name: "left", version: "1.0.0", dependencies: { right: "^1.0.0" } },
      { name: "left", version: "1.9.0", dependencies: { right: "^1.0.0" } },
      { name: "right", version: "1.0.0" },
      { name: "right", version: "1.9.0" },
      { name: "check", version: "0.1.0", dependencies: { right: "1.9.0" } },
      { name: "other", version: "1.0.0", dependencies: { right: "^1.9.0" } },
    );
    await addSources(ctx, mirror, ["npm:other"], options);
    const evil = await startRegistry();
    const at = (name: string, version: string) => ({ version, resolved: `${evil.url}-/${name}@${version}.tgz` });
    await lockOf(
      dir,
      {
        "node_modules/left": { ...at("left", "1.0.0"), dependencies: { right: "^1.0.0" } },
        "node_modules/right": at("right", "1.0.0"),
        "node_modules/check": { ...at("check", "0.1.0"), dev: true, dependencies: { right: "1.9.0" } },
        "node_modules/check/node_modules/right": { ...at("right", "1.9.0"), dev: true },
      },
      { name: "shop", dependencies: { left: "^1.0.0" }, devDependencies: { check: "*" } },
    );
    const run = await flow(["vendor", "add", "--lock", "../package-lock.json", "--json"], { cwd: mirror, env });
    expect(run, run.stderr).toMatchObject({ exitCode: 0 });
    expect(await versions(ctx, mirror)).toEqual({
      "node_modules/check": "0.1.0",
      "node_modules/check/node_modules/right": "1.9.0",
      "node_modules/left": "1.0.0",
      "node_modules/other": "1.0.0",
      "node_modules/other/node_modules/right": "1.9.0",
      "node_modules/right": "1.0.0",
    });
    expect(evil.requests).toEqual([]);
    const { dependencies } = JSON.parse(await readFile(join(mirror, "package.json"), "utf8")) as {
      dependencies: object;
    };
    expect(dependencies).toEqual({ check: "*", left: "^1.0.0", other: "^1.0.0" });
  });

  test("is refused, and nothing changes, when it contradicts itself, is too old or takes what no registry holds", async () => {
    const { dir, ctx, registry, mirror, options } = await setUpMirror();
    registry.publish({ name: "left", version: "1.0.0" }, { name: "left", version: "2.0.0" });
    const head = await git(mirror, ["rev-parse", "HEAD"]);
    const root = { dependencies: { left: "^2.0.0" } };
    const cases: [Record<string, object> | string, RegExp][] = [
      [{ "node_modules/left": { version: "1.0.0" } }, /left \(1\.0\.0 there, 2\.0\.0 needed\)/],
      [
        { "node_modules/left": { version: "2.0.0", resolved: "git+ssh://git@host.example/org/left.git#abc" } },
        /left from no registry/,
      ],
      ['{"lockfileVersion":1,"dependencies":{}}', /npm 7/],
      ["nonsense", /not valid JSON/],
    ];
    for (const [packages, message] of cases) {
      const lock = typeof packages === "string" ? join(dir, "odd.json") : await lockOf(dir, packages, root);
      if (typeof packages === "string") await writeFile(lock, packages);
      await expect(addSources(ctx, mirror, [], { ...options, lock })).rejects.toThrow(message);
    }
    await expect(addSources(ctx, mirror, [], { ...options, lock: "missing.json" })).rejects.toMatchObject({
      code: "FLOW_VENDOR_BAD_LOCK",
    });
    const own = await lockOf(
      dir,
      { "node_modules/@acme/inner": { version: "1.0.0" } },
      { dependencies: { "@acme/inner": "*" } },
    );
    await expect(addSources(ctx, mirror, [], { ...options, lock: own, ownNames: ["@acme"] })).rejects.toMatchObject({
      code: "FLOW_VENDOR_OWN_NAME",
    });
    expect(registry.requests.filter((path) => path.includes("inner"))).toEqual([]);
    expect(await git(mirror, ["rev-parse", "HEAD"])).toBe(head);
  });

  test("that a robot edited in the mirror itself becomes imports, and moves nothing else", async () => {
    const { ctx, registry, mirror, options } = await setUpMirror();
    registry.publish({ name: "left", version: "1.0.0" }, { name: "right", version: "1.0.0" });
    await addSources(ctx, mirror, ["npm:left", "npm:right"], options);
    registry.publish(
      { name: "left", version: "1.1.0" },
      { name: "left", version: "1.2.0" },
      { name: "right", version: "1.5.0" },
    );
    const lock = JSON.parse(await readFile(join(mirror, "package-lock.json"), "utf8")) as {
      packages: Record<string, { version: string; integrity?: string; resolved?: string }>;
    };
    lock.packages["node_modules/left"] = { version: "1.1.0", resolved: `${registry.url}-/left@1.1.0.tgz` };
    await commitFiles(mirror, { "package-lock.json": JSON.stringify(lock) }, "Bump left");
    const { updated, added } = await updatePrefixes(ctx, mirror, [], { ...options, fromLock: true });
    expect([added, updated]).toMatchObject([[], [{ prefix: "node_modules/left", from: "1.0.0", to: "1.1.0" }]]);
    expect(await versions(ctx, mirror)).toEqual({ "node_modules/left": "1.1.0", "node_modules/right": "1.0.0" });
    expect(await readFile(join(mirror, "package-lock.json"), "utf8")).not.toContain(registry.url);
    await expect(updatePrefixes(ctx, mirror, ["left"], { ...options, fromLock: true })).rejects.toMatchObject({
      code: "FLOW_USAGE",
    });
  });
});

describe("npm's settings", () => {
  test("a private registry for a scope, and its token, come from .npmrc, and the token is nowhere to be read", async () => {
    const { dir, env, ctx, registry, mirror } = await setUpMirror();
    const token = "npm_s3cr3t-t0ken-of-the-team";
    const closed = await startRegistry({ token });
    closed.publish({ name: "@private/lib", version: "1.0.0", dependencies: { left: "*" } });
    registry.publish({ name: "left", version: "1.0.0" });
    const host = closed.url.replace("http:", "");
    const write = (value: string) =>
      writeFile(join(dir, ".npmrc"), `@private:registry=${closed.url}\n${host}:_authToken=${value}\n`);
    await write("wrong-token-0123456789");
    const refused = await flow(["vendor", "add", "npm:@private/lib", "--verbose"], { cwd: mirror, env });
    expect(refused).toMatchObject({ exitCode: 5, stderr: expect.stringContaining(".npmrc") });
    await write("${TEAM_TOKEN}");
    const secret = { ...env, TEAM_TOKEN: token };
    const added = await flow(["vendor", "add", "npm:@private/lib", "--verbose"], { cwd: mirror, env: secret });
    expect(added, added.stderr).toMatchObject({ exitCode: 0 });
    closed.hang("@private/gone");
    const broken = await flow(["vendor", "add", "npm:@private/gone", "--json", "--verbose"], {
      cwd: mirror,
      env: { ...secret, npm_config_fetch_timeout: "300", npm_config_fetch_retries: "0" },
    });
    expect(broken.exitCode).toBe(5);
    const everything = [refused, added, broken].flatMap(({ stdout, stderr }) => [stdout, stderr]).join("\n");
    const committed = await git(mirror, ["log", "-p", "--all", "--", "."]);
    for (const secretText of [token, "wrong-token-0123456789", closed.url]) {
      expect(committed).not.toContain(secretText);
    }
    for (const secretText of [token, "wrong-token-0123456789"]) expect(everything).not.toContain(secretText);
    expect(registry.requests.filter((path) => path.includes("@private"))).toEqual([]);
    expect((await openMirror(ctx, mirror)).manifest.prefixes["node_modules/@private/lib"]).toMatchObject({
      source: "npm:@private/lib",
    });
  });

  test("a proxy is asked for everything, and its password is not told", async () => {
    const { dir, env, mirror } = await setUpMirror();
    // A registry that is named by a host which only the proxy knows: the request line holds the whole address.
    const proxy = await startRegistry();
    await writeFile(
      join(dir, ".npmrc"),
      `registry=http://registry.invalid/\nproxy=${proxy.url.replace("://", "://team:pr0xy-passw0rd@")}\n`,
    );
    const { npm_config_registry: _registry, ...rest } = env;
    const run = await flow(["vendor", "add", "npm:left", "--verbose"], { cwd: mirror, env: rest });
    expect(run.exitCode).not.toBe(0);
    expect(proxy.requests.some((path) => path.includes("registry.invalid"))).toBe(true);
    expect(run.stdout + run.stderr).not.toContain("pr0xy-passw0rd");
  });
});

describe("an interrupt while packages are resolved", () => {
  /** Interrupts `flow vendor add` as soon as `asked` settles; gives how it ended and what it left in its TMPDIR. */
  async function interruptAdd(registry: string, asked: () => Promise<unknown>) {
    const { dir, env, mirror } = await setUpMirror();
    const temp = join(dir, "tmp");
    await mkdir(temp);
    const adding = execa(process.execPath, [join(checkoutRoot, "src/cli/main.ts"), "vendor", "add", "npm:slow"], {
      cwd: mirror,
      env: { ...env, npm_config_registry: registry, TMPDIR: temp },
      extendEnv: false,
      reject: false,
      stdin: "ignore",
    });
    await Promise.race([asked(), adding]);
    expect(await readdir(temp)).toEqual([expect.stringContaining("flow-resolve-")]);
    adding.kill("SIGINT");
    const { exitCode, stderr } = await adding;
    return { exitCode, stderr, left: await readdir(temp), changes: await git(mirror, ["status", "--porcelain"]) };
  }

  const clean = { exitCode: 130, stderr: expect.stringContaining("interrupted by SIGINT"), left: [], changes: "" };

  test("ends it and leaves nothing behind when the registry does not answer", async () => {
    const registry = await startRegistry();
    registry.hang("slow");
    const asked = () => expect.poll(() => registry.requests, { timeout: 120_000 }).toContain("/slow");
    expect(await interruptAdd(registry.url, asked)).toEqual(clean);
  });

  test("ends it and leaves nothing behind when the registry does not even finish the TLS handshake", async () => {
    const server = createServer((socket) => void socket.on("error", () => socket.destroy()).resume());
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    onTestFinished(() => void server.close());
    const { port } = server.address() as AddressInfo;
    expect(await interruptAdd(`https://127.0.0.1:${port}/`, () => once(server, "connection"))).toEqual(clean);
  });
});

test("a closure is asked for side by side, each package's metadata once", async () => {
  const { ctx, registry, mirror, options } = await setUpMirror();
  registry.publish(
    { name: "top", version: "1.0.0", dependencies: { a: "^1.0.0", b: "^1.0.0", "@scope/c": "^1.0.0" } },
    { name: "a", version: "1.0.0", dependencies: { b: ">=1" } },
    { name: "b", version: "1.0.0" },
    { name: "@scope/c", version: "1.0.0" },
  );
  registry.gather("a", "b", "@scope/c");
  await addSources(ctx, mirror, ["npm:top@^1.0.0"], options);
  const metadata = registry.requests.filter((path) => !path.endsWith(".tgz"));
  expect(metadata.sort()).toEqual(["/@scope/c", "/a", "/b", "/top"]);
});

test("a registry that answers nothing is given up as a whole, not package by package", async () => {
  const { dir, env, registry, mirror, options } = await setUpMirror();
  const names = Array.from({ length: 12 }, (_, at) => `silent-${at}`);
  registry.hang("silent-");
  const ctx = testContext(dir, { env: { ...env, FLOW_NETWORK_TIMEOUT: "1" } });
  const specs = names.map((name) => `npm:${name}`);
  await expect(addSources(ctx, mirror, specs, options)).rejects.toMatchObject({
    code: "FLOW_VENDOR_FETCH",
    message: expect.stringContaining("no answer for 2 s"),
  });
});
