import { existsSync, realpathSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { execa } from "execa";
import { describe, expect, test } from "vitest";
import { initMirror } from "../../src/vendoring/index.ts";
import { flow } from "../support/flow.ts";
import { commitFiles, git, makeRepository, writeFiles } from "../support/git-repository.ts";
import { setUpMirror } from "../support/mirror.ts";

/** A workspace as bootstrap leaves it, whose flow.yaml says `vendor` of its mirror. */
async function setUpWorkspace(variables: Record<string, string> = {}) {
  const up = await setUpMirror();
  const home = join(up.dir, "work");
  const source = join(home, "src/example.com/acme");
  const define = async (vendor: string) => {
    await writeFiles(home, {
      "flow.yaml": `organization: acme\nmodule: example.com/acme\nmirror: { url: ./mirror.git }\nvendor: ${vendor}\n`,
    });
  };
  await define("{}");
  const mirror = join(source, "vendor");
  await initMirror(up.ctx, { dir: mirror, remote: join(home, "mirror.git") });
  await writeFiles(join(source, "shop"), { "package.json": "{}" });
  const run = async (...args: string[]) => {
    const result = await flow(args, { cwd: home, env: { ...up.env, SECRET_TOKEN: "s3cr3t", ...variables } });
    return { ...result, answer: () => JSON.parse(result.stdout) as Record<string, unknown> };
  };
  /** What a service gets. */
  const required = async (expression: string) =>
    (await execa(process.execPath, ["-p", expression], { cwd: join(source, "shop"), reject: false })).stdout;
  const abi = process.versions.modules;
  const place = (name: string) => join(home, "pkg/builds", name, abi, `${process.platform}-${process.arch}`);
  return { ...up, home, source, mirror, define, run, required, place };
}

/** Writes what it finds out about its surroundings; it needs no compiler. */
const script = (registry: string) => `
  const net = require("node:net");
  const fs = require("node:fs");
  const result = { helper: require("helper"), secret: process.env.SECRET_TOKEN ?? "none", home: process.env.HOME };
  const done = (network) => fs.writeFileSync("built.json", JSON.stringify({ ...result, network }));
  const socket = net.connect(${new URL(registry).port}, "127.0.0.1");
  socket.on("connect", () => { done("reached"); socket.destroy(); });
  socket.on("error", () => done("none"));
`;

describe("a package with an install script", () => {
  test("is named at add and not run; allowed, it is built without network in a copy, and the mirror stays clean", async () => {
    const { registry, home, mirror, define, run, required, place } = await setUpWorkspace();
    registry.publish(
      {
        name: "native",
        version: "1.0.0",
        dependencies: { helper: "^1.0.0" },
        scripts: { install: "node install.js", postinstall: "echo after > after.txt" },
        files: { "install.js": script(registry.url), "index.js": "module.exports = require('./built.json')" },
      },
      { name: "helper", version: "1.0.0", files: { "index.js": "module.exports = 'helped'" } },
      {
        name: "wrapper",
        version: "1.0.0",
        dependencies: { native: "^1.0.0" },
        files: { "index.js": "module.exports = require('native').network" },
      },
    );
    const added = await run("vendor", "add", "npm:wrapper");
    expect(added, added.stderr).toMatchObject({ exitCode: 0, stdout: expect.stringContaining("native@1.0.0") });
    expect(added.stdout).toContain("vendor.installScripts");
    expect(existsSync(join(mirror, "node_modules/native/built.json"))).toBe(false);
    expect(await required("require('native')")).toBe("");

    await define("{ installScripts: [native] }");
    expect((await run("vendor", "build", "--dry-run", "--json")).answer()).toMatchObject({
      packages: [
        { name: "native", built: true, changed: true },
        { name: "wrapper", built: false, changed: true },
      ],
    });
    expect(existsSync(join(home, "pkg/builds/native"))).toBe(false);
    const built = await run("vendor", "build");
    expect(built, built.stderr).toMatchObject({ exitCode: 0 });
    expect(realpathSync(join(home, "node_modules/native"))).toBe(place("native"));
    const result = JSON.parse(await required("JSON.stringify(require('native'))")) as object;
    expect(result).toMatchObject({ helper: "helped", secret: "none", network: "none" });
    expect((result as { home: string }).home).toContain("pkg/builds");
    // Who depends on it gets the built one, too.
    expect(await required("require('wrapper')")).toBe("none");
    expect(existsSync(join(place("native"), "after.txt"))).toBe(true);
    expect(await git(mirror, ["status", "--porcelain", "--ignored"])).toBe("");

    // A second run has nothing to do; a patch makes the next one build anew; not allowed any more, it is not used.
    expect((await run("vendor", "build")).stdout).toMatch(/native +is there already/);
    const index = "module.exports = { network: 'patched' }";
    await commitFiles(mirror, { "node_modules/native/index.js": index }, "Patch");
    expect((await run("vendor", "build")).stdout).toMatch(/native +built/);
    expect(await required("require('wrapper')")).toBe("patched");
    await define("{}");
    await run("vendor", "update");
    expect(realpathSync(join(home, "node_modules/native"))).toBe(join(mirror, "node_modules/native"));
    // Builds that nothing refers to any more are garbage, and nothing else is.
    const gone = (await run("tool", "gc", "--json")).answer() as { removed: { path: string }[] };
    expect(gone.removed.map(({ path }) => path)).toEqual([dirname(place("native")), dirname(place("wrapper"))]);
    expect(existsSync(place("native"))).toBe(false);
  });

  test("that fails is an error with what it said, and the rest of the workspace goes on", async () => {
    const { registry, define, run, required, place } = await setUpWorkspace();
    registry.publish(
      { name: "broken", version: "1.0.0", scripts: { install: "echo the compiler is missing >&2; exit 3" } },
      { name: "fine", version: "1.0.0", files: { "index.js": "module.exports = 'fine'" } },
    );
    await define("{ installScripts: [broken] }");
    const added = await run("vendor", "add", "npm:broken", "npm:fine");
    expect(added).toMatchObject({ exitCode: 0, stderr: expect.stringContaining("flow vendor build") });
    expect(await required("require('fine')")).toBe("fine");
    const built = await run("vendor", "build");
    expect(built).toMatchObject({ exitCode: 1, stderr: expect.stringContaining("the compiler is missing") });
    expect(built.stderr).toContain("FLOW_VENDOR_BUILD");
    expect(existsSync(place("broken"))).toBe(false);
    await define("{ installScripts: [brokne] }");
    expect(await run("vendor", "build")).toMatchObject({ exitCode: 2, stderr: expect.stringContaining("brokne") });
  });
});

test("a git source without built files is reported at add; with a recipe it and its patches can be imported", async () => {
  const { registry, dir, mirror, define, run, required } = await setUpWorkspace();
  // A compiler that the mirror holds, as a team would hold TypeScript.
  registry.publish({
    name: "strip",
    version: "1.0.0",
    files: {
      "package.json": '{"name":"strip","version":"1.0.0","bin":"strip.mjs"}',
      "strip.mjs":
        'import { stripTypeScriptTypes } from "node:module"; import fs from "node:fs"; fs.mkdirSync("dist"); for (const file of fs.readdirSync("src")) fs.writeFileSync("dist/" + file.replace(/ts$/, "js"), stripTypeScriptTypes(fs.readFileSync("src/" + file, "utf8")));',
    },
  });
  registry.publish({
    name: "user",
    version: "1.0.0",
    dependencies: { typed: "^1.0.0" },
    files: { "index.js": "module.exports = require('typed').say(2)" },
  });
  const library = join(dir, "typed");
  await makeRepository(library, {
    "package.json": '{"name":"typed","version":"1.2.0","type":"module","exports":"./dist/index.js"}',
    "src/index.ts": "export const say = (times: number): string => 'typed '.repeat(times)",
    ".gitignore": "dist\n",
  });
  const added = await run("vendor", "add", library, "npm:strip", "npm:user");
  expect(added, added.stderr).toMatchObject({ exitCode: 0, stderr: expect.stringContaining("dist/index.js") });
  expect(added.stderr).toContain("vendor.build");
  await define("{ build: { typed: strip } }");
  const built = await run("vendor", "build");
  expect(built, built.stderr).toMatchObject({ exitCode: 0 });
  expect(await required("require('typed').say(1)")).toBe("typed ");
  expect(await required("require('user')")).toBe("typed typed ");
  await writeFile(join(mirror, "local/typed/src/index.ts"), "export const say = (times: number) => 'patched'");
  await git(mirror, ["commit", "--quiet", "-am", "Patch"]);
  await run("vendor", "build");
  expect(await required("require('user')")).toBe("patched");

  // Upstream contradicts the patch; what was made of both is built and linked as soon as it is committed.
  await commitFiles(library, { "src/index.ts": "export const say = (times: number) => 'renewed'" }, "Renew");
  expect(await run("vendor", "update", "local/typed")).toMatchObject({ exitCode: 4 });
  await writeFile(join(mirror, "local/typed/src/index.ts"), "export const say = (times: number) => 'resolved'");
  const continued = await run("vendor", "continue");
  expect(continued, continued.stderr).toMatchObject({ exitCode: 0 });
  expect(await required("require('user')")).toBe("resolved");
  expect(await git(mirror, ["status", "--porcelain", "--ignored"])).toBe("");
  expect(await readFile(join(mirror, "vendor-manifest.json"), "utf8")).toContain('"local/typed"');
});

/** A directory with `include/node` of a Node whose ABI is this one's: scripts/build-test-tools.sh brings it. */
const headers = process.env.FLOW_TEST_NODE_HEADERS;
if (headers === undefined && process.env.CI === "true") throw new Error("CI needs node-headers");

test.skipIf(headers === undefined)(
  "better-sqlite3 is compiled out of the mirror without network, and answers",
  async () => {
    const registry = (await execa("npm", ["config", "get", "registry"])).stdout;
    // Of the person's own network settings none but these reach flow in a test.
    const authorities = process.env.NODE_EXTRA_CA_CERTS;
    const { mirror, define, run, required } = await setUpWorkspace({
      npm_config_registry: registry,
      // SQLite is 250,000 lines of C, which are optimised for longer than all the rest takes.
      CFLAGS: "-O0",
      CXXFLAGS: "-O0",
      ...(authorities === undefined ? {} : { NODE_EXTRA_CA_CERTS: authorities }),
    });
    await define(`{ installScripts: [better-sqlite3], nodeHeaders: ${JSON.stringify(headers)} }`);
    const added = await run("vendor", "add", "npm:better-sqlite3@12", "npm:node-gyp");
    expect(added, added.stderr).toMatchObject({ exitCode: 0 });
    const query = "new (require('better-sqlite3'))(':memory:').prepare('select 6 * 7 as answer').get().answer";
    expect(await required(query)).toBe("42");
    expect(await git(mirror, ["status", "--porcelain", "--ignored"])).toBe("");
  },
  1_200_000,
);
