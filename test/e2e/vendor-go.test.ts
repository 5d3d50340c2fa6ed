import { existsSync } from "node:fs";
import { mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { describe, expect, test } from "vitest";
import {
  addSources,
  findOutdated,
  initMirror,
  mirrorStatus,
  openMirror,
  rebuildMirror,
  removePrefixes,
  updatePrefixes,
  verifyMirror,
} from "../../src/vendoring/index.ts";
import { testContext } from "../support/context.ts";
import { flow } from "../support/flow.ts";
import { commitFiles, git, makeRepository, writeFiles } from "../support/git-repository.ts";
import { startGoProxy, type PublishedModule } from "../support/go-proxy.ts";
import { setUpMirror } from "../support/mirror.ts";

/** Where Go keeps what it compiled on this machine. */
const compiled = join(homedir(), ".cache/go-build");
const mit = "Permission is hereby granted, free of charge, to any person\n";

/** A module whose only function gives its name, and what it gets from those that it requires. */
function module(path: string, version: string, requires: Record<string, string> = {}): PublishedModule {
  const name = path.split("/").at(-1) ?? "";
  const imports = Object.keys(requires).map((other) => `import "${other}"\n`);
  const calls = Object.keys(requires).map((other) => ` + " " + ${other.split("/").at(-1)}.Say()`);
  const lines = Object.entries(requires).map(([other, wanted]) => `require ${other} ${wanted}\n`);
  return {
    path,
    version,
    files: {
      "go.mod": `module ${path}\n\ngo 1.21\n\n${lines.join("")}`,
      LICENSE: mit,
      [`${name}.go`]: `package ${name}\n${imports.join("")}func Say() string { return "${name} ${version}"${calls.join("")} }\n`,
    },
  };
}

async function setUp() {
  const up = await setUpMirror();
  const proxy = await startGoProxy();
  const env = { ...up.env, ...proxy.env };
  proxy.publish(
    module("go.test/deep", "v1.0.0"),
    module("go.test/deep", "v1.1.0"),
    module("go.test/deep", "v1.2.0"),
    module("go.test/Middle", "v0.3.0", { "go.test/deep": "v1.1.0" }),
    module("go.test/top", "v1.0.0", { "go.test/deep": "v1.0.0", "go.test/Middle": "v0.3.0" }),
  );
  const ctx = testContext(up.dir, { env });
  const go = async (cwd: string, args: readonly string[]) =>
    (
      await execa("go", args, {
        cwd,
        env: {
          PATH: env.PATH,
          HOME: up.dir,
          GOPROXY: "off",
          GOFLAGS: "",
          GOTOOLCHAIN: "local",
          GOENV: "off",
          GOCACHE: compiled,
        },
        extendEnv: false,
      })
    ).stdout;
  return { ...up, proxy, env, ctx, go };
}

test("a Go module comes with what it requires, as Go selects it, and builds in the mirror offline", async () => {
  const { env, ctx, mirror, go, options } = await setUp();
  const added = await flow(["vendor", "add", "go:go.test/top@v1.0.0", "--json"], { cwd: mirror, env });
  expect(added, added.stderr).toMatchObject({ exitCode: 0 });
  const opened = await openMirror(ctx, mirror);
  expect(opened.manifest.prefixes).toMatchObject({
    "go.test/Middle": { source: "go:go.test/Middle", ref: "v0.3.0", version: "v0.3.0", licence: "MIT" },
    "go.test/deep": { source: "go:go.test/deep", version: "v1.1.0", integrity: expect.stringMatching(/^h1:.{44}$/) },
    "go.test/top": { source: "go:go.test/top", ref: "v1.0.0" },
  });
  expect(await readFile(join(mirror, "go.mod"), "utf8")).toMatch(
    /require \(\n\tgo\.test\/Middle v0\.3\.0 \/\/ indirect\n\tgo\.test\/deep v1\.1\.0 \/\/ indirect\n\tgo\.test\/top v1\.0\.0\n\)/,
  );
  await commitFiles(
    mirror,
    { "go.test/deep/deep.go": 'package deep\nfunc Say() string { return "patched" }\n' },
    "Patch",
  );
  await mkdir(join(mirror, "cmd"));
  await writeFile(
    join(mirror, "cmd/main.go"),
    'package main\nimport "go.test/top"\nfunc main() { println(top.Say()) }\n',
  );
  expect((await execa(join(mirror, "cmd/x"), { reject: false, cwd: mirror })).failed).toBe(true);
  await go(mirror, ["build", "-o", "cmd/x", "./cmd"]);
  expect((await execa(join(mirror, "cmd/x"))).stderr).toBe("top v1.0.0 patched Middle v0.3.0 patched");
  expect((await mirrorStatus(ctx, await openMirror(ctx, mirror))).map(({ prefix, state }) => [prefix, state])).toEqual([
    ["go.test/Middle", "clean"],
    ["go.test/deep", "patched"],
    ["go.test/top", "clean"],
  ]);
  const why = await flow(["vendor", "list", "--why", "go.test/deep"], { cwd: mirror, env });
  expect(why.stdout).toContain("needed by go.test/Middle as v1.1.0");
  expect(why.stdout).toContain("through go.mod → go.test/top → go.test/deep");
  // What others need stays where they need it; what nothing requires any more leaves.
  await expect(updatePrefixes(ctx, mirror, ["go.test/deep"], { ...options, ref: "v1.0.0" })).rejects.toMatchObject({
    code: "FLOW_VENDOR_RESOLVE",
    message: expect.stringContaining("others require v1.1.0"),
  });
  const { removed } = await removePrefixes(
    testContext(mirror, { env, confirm: async () => true }),
    mirror,
    ["go.test/top"],
    options,
  );
  expect(removed).toEqual(["go.test/Middle", "go.test/deep", "go.test/top"]);
}, 120_000);

test("a module comes in around those nested in it, whichever was there first", async () => {
  const { ctx, mirror, go, proxy, options } = await setUp();
  proxy.publish(module("go.test/deep/inner", "v0.1.0"));
  await addSources(ctx, mirror, ["go:go.test/deep/inner@v0.1.0"], options);
  await addSources(ctx, mirror, ["go:go.test/deep@v1.0.0"], options);
  expect((await verifyMirror(ctx, await openMirror(ctx, mirror))).problems).toEqual([]);
  expect(await go(mirror, ["list", "go.test/deep", "go.test/deep/inner"])).toBe("go.test/deep\ngo.test/deep/inner");
  await removePrefixes(ctx, mirror, ["go.test/deep"], options);
  expect(await go(mirror, ["list", "go.test/deep/inner"])).toBe("go.test/deep/inner");
  expect(existsSync(join(mirror, "go.test/deep/deep.go"))).toBe(false);
});

test("a module's commit derives from its zip alone, and a lost manifest is rebuilt from it", async () => {
  const { dir, env, ctx, mirror, options } = await setUp();
  await addSources(ctx, mirror, ["go:go.test/deep@v1.1.0"], options);
  const other = join(dir, "other");
  await mkdir(other);
  await git(other, ["init", "--quiet"]);
  await addSources(
    testContext(dir, { env: { ...env, GIT_COMMITTER_NAME: "Bob" } }),
    other,
    ["go:go.test/deep@v1.1.0"],
    {
      cache: join(dir, "cache-2/npm"),
    },
  );
  const before = (await openMirror(ctx, mirror)).manifest.prefixes["go.test/deep"];
  expect((await openMirror(ctx, other)).manifest.prefixes["go.test/deep"]?.commit).toBe(before?.commit);
  await git(mirror, ["rm", "--quiet", "vendor-manifest.json"]);
  await git(mirror, ["commit", "--quiet", "-m", "Lose it"]);
  await rebuildMirror(ctx, mirror);
  const rebuilt = await openMirror(ctx, mirror);
  expect(rebuilt.manifest.prefixes["go.test/deep"]).toEqual(before);
  expect((await verifyMirror(ctx, rebuilt)).problems).toEqual([]);
});

test("queries follow what is newest, exact versions stay until they are told where to go", async () => {
  const { ctx, mirror, proxy, options } = await setUp();
  await addSources(ctx, mirror, ["go:go.test/deep@v1.1.0", "go:go.test/Middle"], options);
  expect((await openMirror(ctx, mirror)).manifest.prefixes["go.test/Middle"]?.ref).toBe("latest");
  proxy.publish(module("go.test/Middle", "v0.4.0", { "go.test/deep": "v1.1.0" }));
  expect(await findOutdated(ctx, await openMirror(ctx, mirror), options)).toMatchObject([
    { prefix: "go.test/Middle", current: "v0.3.0", wanted: "v0.4.0", latest: "v0.4.0" },
    { prefix: "go.test/deep", wanted: "v1.1.0", latest: "v1.2.0" },
  ]);
  const all = await updatePrefixes(ctx, mirror, [], options);
  expect(all.updated).toMatchObject([{ prefix: "go.test/Middle", to: "v0.4.0" }]);
  const one = await updatePrefixes(ctx, mirror, ["go:go.test/deep"], { ...options, ref: "latest" });
  expect(one.updated).toMatchObject([{ prefix: "go.test/deep", from: "v1.1.0", to: "v1.2.0" }]);
});

test("a module of a git source takes the proxy's place for those who require it", async () => {
  const { dir, ctx, mirror, proxy, go, options } = await setUp();
  const fork = join(dir, "fork");
  await makeRepository(fork, {
    "go.mod": "module go.test/deep\n\ngo 1.21\n",
    "deep.go": 'package deep\nfunc Say() string { return "forked" }\n',
  });
  await addSources(ctx, mirror, [fork], { ...options, prefix: "forks/deep" });
  await addSources(ctx, mirror, ["go:go.test/top@v1.0.0"], options);
  expect(Object.keys((await openMirror(ctx, mirror)).manifest.prefixes)).toEqual([
    "forks/deep",
    "go.test/Middle",
    "go.test/top",
  ]);
  expect(proxy.requests.filter((path) => path.includes("go.test/deep"))).toEqual([]);
  await mkdir(join(mirror, "cmd"));
  await writeFile(
    join(mirror, "cmd/main.go"),
    'package main\nimport "go.test/top"\nfunc main() { println(top.Say()) }\n',
  );
  await go(mirror, ["build", "-o", "cmd/x", "./cmd"]);
  expect((await execa(join(mirror, "cmd/x"))).stderr).toContain("forked");
  await expect(addSources(ctx, mirror, ["go:go.test/deep@v1.1.0"], options)).rejects.toMatchObject({
    code: "FLOW_VENDOR_BAD_PREFIX",
    message: expect.stringContaining("forks/deep"),
  });
});

describe("what cannot be trusted or reached", () => {
  test("a module that changed since go.sum knew it, one that is not there and a silent proxy are refused", async () => {
    const { dir, env, ctx, mirror, proxy, options } = await setUp();
    await addSources(ctx, mirror, ["go:go.test/deep@v1.1.0"], options);
    const head = await git(mirror, ["rev-parse", "HEAD"]);
    proxy.publish({
      ...module("go.test/deep", "v1.1.0"),
      raw: [{ name: "go.test/deep@v1.1.0/evil.go", content: "package deep\n" }],
    });
    const fresh = { cache: join(dir, "cache-2/npm") };
    await git(mirror, ["rm", "-r", "--quiet", "go.test/deep"]);
    const manifest = await readFile(join(mirror, "vendor-manifest.json"), "utf8");
    await commitFiles(mirror, {
      "vendor-manifest.json": manifest.replace('"version": "v1.1.0"', '"version": "v1.0.0"'),
    });
    await expect(addSources(ctx, mirror, ["go:go.test/Middle@v0.3.0"], fresh)).rejects.toMatchObject({
      code: "FLOW_VENDOR_FETCH",
      message: expect.stringContaining("go.sum"),
    });
    await git(mirror, ["reset", "--hard", "--quiet", head]);
    await expect(addSources(ctx, mirror, ["go:go.test/never@v1.0.0"], options)).rejects.toMatchObject({
      code: "FLOW_VENDOR_RESOLVE",
    });
    proxy.hang("go.test/silent");
    const impatient = testContext(dir, { env: { ...env, FLOW_NETWORK_TIMEOUT: "1" } });
    await expect(addSources(impatient, mirror, ["go:go.test/silent@v1.0.0"], options)).rejects.toMatchObject({
      code: "FLOW_TIMEOUT",
    });
    expect(await git(mirror, ["rev-parse", "HEAD"])).toBe(head);
  });

  test("a module of our own is asked of nobody, also deep in what is required", async () => {
    const { ctx, mirror, proxy, options } = await setUp();
    proxy.publish(
      module("acme.invalid/team/inner", "v1.0.0"),
      module("go.test/outer", "v1.0.0", { "acme.invalid/team/inner": "v1.0.0" }),
    );
    const own = { ...options, ownNames: ["goflow", "@acme", "acme.invalid/team"] };
    for (const spec of ["go:acme.invalid/team/inner", "go:acme.invalid/team/inner@v1.0.0", "go:go.test/outer@v1.0.0"]) {
      await expect(addSources(ctx, mirror, [spec], own)).rejects.toMatchObject({ code: "FLOW_VENDOR_OWN_NAME" });
    }
    expect(proxy.requests.filter((path) => path.includes("acme"))).toEqual([]);
  });
});

test("a real module comes out of the person's own module proxy, checked by the checksum database", async () => {
  const { dir, env, mirror } = await setUp();
  const { GOPROXY: _proxy, GOSUMDB: _database, GOENV: _settings, ...real } = env;
  const proxy = (await execa("go", ["env", "GOPROXY", "GOSUMDB"])).stdout.split("\n");
  const ctx = testContext(dir, { env: { ...real, GOPROXY: proxy[0] ?? "", GOSUMDB: proxy[1] ?? "" } });
  await addSources(ctx, mirror, ["go:rsc.io/quote@v1.5.2"], { cache: join(dir, "cache/npm") });
  expect((await openMirror(ctx, mirror)).manifest.prefixes["rsc.io/quote"]).toMatchObject({
    integrity: "h1:w5fcysjrx7yqtD/aO+QwRjYZOKnaM9Uh2b40tElTs3Y=",
    licence: "BSD-3-Clause",
  });
  // A module from before go.mod gets the one that the proxy makes.
  expect(existsSync(join(mirror, "golang.org/x/text/go.mod"))).toBe(true);
});

describe("in a workspace", () => {
  /** A workspace as bootstrap leaves it, as far as Go goes. */
  async function setUpWorkspace() {
    const up = await setUp();
    const home = join(up.dir, "work");
    const source = join(home, "src/example.com/acme");
    const repositories = "repositories: { billing: {}, lib: {}, old: {}, older: {} }";
    await writeFiles(home, {
      "flow.yaml": `organization: acme\nmodule: example.com/acme\nmirror: { url: ./mirror.git }\n${repositories}\n`,
    });
    await mkdir(source, { recursive: true });
    // The standard library is compiled once for all tests.
    await mkdir(join(home, "pkg/cache/go"), { recursive: true });
    await mkdir(compiled, { recursive: true });
    await symlink(compiled, join(home, "pkg/cache/go/build"));
    await initMirror(up.ctx, { dir: join(source, "vendor"), remote: join(home, "mirror.git") });
    const main =
      'package main\nimport "go.test/top"\nimport "example.com/acme/lib"\nfunc main() { println(top.Say(), lib.Say()) }\n';
    await makeRepository(join(source, "billing"), {
      "flow.yaml": "go: mirror\n",
      "go.mod":
        "module example.com/acme/billing\n\ngo 1.21\n\nrequire go.test/top v1.0.0\nrequire example.com/acme/lib v0.0.0\n",
      "main.go": main,
    });
    await makeRepository(join(source, "lib"), {
      "flow.yaml": "{}\n",
      "go.mod": "module example.com/acme/lib\n\ngo 1.21\n\nrequire go.test/only-for-tests v1.0.0\n",
      "lib.go": 'package lib\nfunc Say() string { return "lib" }\n',
    });
    return { ...up, home, source };
  }

  test("services that say `go: mirror` build offline from it and from each other; repositories beside them as before", async () => {
    const { env, home, source, go } = await setUpWorkspace();
    // One with its own vendor/, one whose requirement is in the person's module cache alone.
    const old = join(source, "old");
    await makeRepository(old, {
      "flow.yaml": "{}\n",
      "go.mod": "module example.com/old\n\ngo 1.21\n\nrequire go.test/deep v1.0.0\n",
      "main.go": 'package main\nimport "go.test/deep"\nfunc main() { println(deep.Say()) }\n',
      "vendor/modules.txt": "# go.test/deep v1.0.0\n## explicit; go 1.21\ngo.test/deep\n",
      "vendor/go.test/deep/deep.go": 'package deep\nfunc Say() string { return "vendored by old itself" }\n',
    });
    const older = join(source, "older");
    await makeRepository(older, {
      "go.mod": "module example.com/older\n\ngo 1.21\n",
      "main.go": 'package main\nfunc main() { println("older") }\n',
    });
    const added = await flow(["vendor", "add", "go:go.test/top@v1.0.0"], { cwd: join(source, "billing"), env });
    expect(added, added.stderr).toMatchObject({ exitCode: 0 });
    expect(existsSync(join(home, "go.work"))).toBe(false);
    const built = async (dir: string, flags: readonly string[] = []) => {
      await go(dir, ["build", ...flags, "-o", "x", "."]);
      return (await execa(join(dir, "x"))).stderr;
    };
    const billing = join(source, "billing");
    expect(await built(billing)).toBe("top v1.0.0 deep v1.1.0 Middle v0.3.0 deep v1.1.0 lib");
    expect(await built(old)).toBe("vendored by old itself");
    expect(await built(old, ["-mod=vendor"])).toBe("vendored by old itself");
    expect(await built(older)).toBe("older");
    expect(await git(billing, ["status", "--porcelain"])).toBe("?? x");
    // A patch in the mirror is in the next build; taken out of the mirror, it is gone.
    await writeFile(
      join(source, "vendor/go.test/deep/deep.go"),
      'package deep\nfunc Say() string { return "patched" }\n',
    );
    expect(await built(billing)).toContain("patched");
    await writeFile(join(billing, "flow.yaml"), "{}\n");
    await flow(["vendor", "update"], { cwd: billing, env });
    expect(existsSync(join(billing, "go.work"))).toBe(false);
  });

  test("a Go tool is built from the mirror with the network blocked, patches that are committed included", async () => {
    const { env, home, source, proxy } = await setUpWorkspace();
    proxy.publish({
      path: "go.test/tool",
      version: "v1.0.0",
      files: {
        "go.mod": "module go.test/tool\n\ngo 1.21\n\nrequire go.test/deep v1.1.0\n",
        "cmd/hello/main.go": 'package main\nimport "go.test/deep"\nfunc main() { println(deep.Say()) }\n',
      },
    });
    const definition = await readFile(join(home, "flow.yaml"), "utf8");
    await writeFile(
      join(home, "flow.yaml"),
      `${definition}tools: { hello: { go: go.test/tool/cmd/hello, version: 1.0.0 } }\n`,
    );
    const added = await flow(["vendor", "add", "go:go.test/tool@v1.0.0"], { cwd: home, env });
    expect(added, added.stderr).toMatchObject({ exitCode: 0 });
    await commitFiles(join(source, "vendor"), {
      "go.test/deep/deep.go": 'package deep\nfunc Say() string { return "patched" }\n',
    });
    const before = proxy.requests.length;
    const installed = await flow(["tool", "install", "--json"], { cwd: home, env });
    expect(installed, installed.stderr).toMatchObject({ exitCode: 0 });
    expect((await execa(join(home, "bin/hello"))).stderr).toBe("patched");
    expect(proxy.requests.length).toBe(before);
    const listed = await flow(["tool", "list", "--json"], { cwd: home, env });
    expect(JSON.parse(listed.stdout)).toMatchObject({
      tools: [{ name: "hello", pinned: "1.0.0", state: "installed" }],
    });

    // Another version is brought into the mirror, built of it, and pinned; patches stay.
    const main = 'package main\nimport "go.test/deep"\nfunc main() { println("1.1.0, " + deep.Say()) }\n';
    const mod = "module go.test/tool\n\ngo 1.21\n\nrequire go.test/deep v1.1.0\n";
    proxy.publish({ path: "go.test/tool", version: "v1.1.0", files: { "go.mod": mod, "cmd/hello/main.go": main } });
    const moved = await flow(["tool", "update", "hello", "--to", "1.1.0"], { cwd: home, env });
    expect(moved, moved.stderr).toMatchObject({ exitCode: 0, stdout: "hello 1.1.0" });
    expect((await execa(join(home, "bin/hello"))).stderr).toBe("1.1.0, patched");
    expect(await readFile(join(home, "flow.yaml"), "utf8")).toContain("version: 1.1.0");
  });
});
