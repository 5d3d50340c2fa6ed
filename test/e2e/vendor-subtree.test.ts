import { existsSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import {
  addSources,
  cloneMirror,
  mirrorStatus,
  openMirror,
  pushMirror,
  rebuildMirror,
  syncMirror,
  updatePrefixes,
  verifyMirror,
} from "../../src/vendoring/index.ts";
import { testContext } from "../support/context.ts";
import { flow } from "../support/flow.ts";
import { commitFiles, git } from "../support/git-repository.ts";
import { setUpMirror } from "../support/mirror.ts";

test("git subtree by hand goes on in a second full clone where flow left off, and flow understands it", async () => {
  const { dir, registry, ctx, mirror, upstream, options } = await setUpMirror();
  registry.publish(
    { name: "left", version: "1.0.0", dependencies: { right: "^1.0.0" }, files: { "index.js": "1" } },
    { name: "right", version: "1.0.0", files: { "index.js": "2" } },
  );
  await addSources(ctx, mirror, ["npm:left@^1"], options);
  await addSources(ctx, mirror, [upstream], { ...options, prefix: "host/org/lib" });
  await pushMirror(ctx, mirror);

  // somebody else, with nothing but git
  const other = join(dir, "other");
  await git(dir, ["clone", "--quiet", join(dir, "mirror.git"), other]);
  await git(other, ["fetch", "--quiet", "origin", "+refs/flow/upstream/*:refs/flow/upstream/*"]);
  const { prefixes } = JSON.parse(await readFile(join(other, "vendor-manifest.json"), "utf8")) as {
    prefixes: Record<string, { commit: string }>;
  };
  for (const prefix of ["node_modules/left", "node_modules/right", "host/org/lib"]) {
    expect(await git(other, ["subtree", "split", `--prefix=${prefix}`])).toBe(prefixes[prefix]?.commit);
  }
  await commitFiles(other, { "host/org/lib/a.txt": "1\n2\n3\n4\nfive\n" }, "Patch the library");
  await commitFiles(
    upstream,
    { "a.txt": "one\n2\n3\n4\n5\n", "lib/b.txt": null, "lib/c.txt": "b\n" },
    "Upstream moves on",
  );
  await git(other, ["subtree", "pull", "-q", "--squash", "--prefix=host/org/lib", upstream, "main"]);
  expect(await readFile(join(other, "host/org/lib/a.txt"), "utf8")).toBe("one\n2\n3\n4\nfive\n");
  await git(upstream, ["checkout", "--quiet", "-b", "away"]);
  await git(other, ["subtree", "push", "-q", "--prefix=host/org/lib", upstream, "patched"]);
  expect(await git(upstream, ["show", "patched:a.txt"])).toContain("five");
  await git(other, ["push", "--quiet", "origin", "HEAD:main"]);

  // flow takes it from there
  await syncMirror(ctx, mirror);
  const after = await openMirror(ctx, mirror);
  expect(after.manifest.prefixes["host/org/lib"]?.commit).toBe(await git(upstream, ["rev-parse", "main"]));
  expect((await mirrorStatus(ctx, after)).map(({ prefix, state }) => [prefix, state])).toEqual([
    ["host/org/lib", "patched"],
    ["node_modules/left", "clean"],
    ["node_modules/right", "clean"],
  ]);
  await git(upstream, ["checkout", "--quiet", "main"]);
  await commitFiles(upstream, { "a.txt": "one\n2\n3\n4\n5\nsix\n" }, "Further").catch(() => {});
  expect((await verifyMirror(ctx, await openMirror(ctx, mirror))).problems).toEqual([]);
  expect(await git(mirror, ["fsck", "--strict"])).not.toContain("error");
});

test("ten updates keep a patch, through renames and deletions upstream", async () => {
  const { ctx, mirror, upstream, options } = await setUpMirror();
  await addSources(ctx, mirror, [`${upstream}@main`], { ...options, prefix: "lib" });
  await commitFiles(mirror, { "lib/a.txt": "1\n2\npatched\n4\n5\n", "lib/ours.txt": "ours\n" }, "Patch");
  for (let round = 1; round <= 10; round++) {
    await commitFiles(
      upstream,
      {
        "lib/b.txt": round % 2 === 0 ? "b\n" : null,
        [`lib/n${round}.txt`]: "b\n",
        "a.txt": `1\n2\n3\n4\n5\n${round}\n`,
      },
      `Round ${round}`,
    );
    const { updated } = await updatePrefixes(ctx, mirror, ["lib"], options);
    expect(updated).toMatchObject([{ prefix: "lib", patched: true }]);
  }
  expect(await readFile(join(mirror, "lib/a.txt"), "utf8")).toBe("1\n2\npatched\n4\n5\n10\n");
  expect(await readFile(join(mirror, "lib/ours.txt"), "utf8")).toBe("ours\n");
  expect(existsSync(join(mirror, "lib/lib/n10.txt"))).toBe(true);
});

test("local changes in the way are named and kept, others are left alone", async () => {
  const { ctx, mirror, upstream, options } = await setUpMirror();
  await addSources(ctx, mirror, [`${upstream}@main`], { ...options, prefix: "lib" });
  await commitFiles(upstream, { "a.txt": "new\n" });
  await writeFile(join(mirror, "lib/a.txt"), "mine\n");
  await expect(updatePrefixes(ctx, mirror, ["lib"], options)).rejects.toMatchObject({ code: "FLOW_VENDOR_DIRTY" });
  expect(await readFile(join(mirror, "lib/a.txt"), "utf8")).toBe("mine\n");
  expect((await mirrorStatus(ctx, await openMirror(ctx, mirror)))[0]).toMatchObject({
    state: "modified",
    changes: ["lib/a.txt"],
  });
});

describe("bytes stay what upstream published", () => {
  test("whatever its .gitattributes and .gitignore say, under a hostile configuration", async () => {
    const { dir, registry, env, mirror, options } = await setUpMirror();
    const config = join(dir, "gitconfig");
    await writeFile(
      config,
      "[core]\n\tautocrlf = true\n\thooksPath = /tmp/no-such-hooks\n\texcludesFile = /dev/stdin\n[commit]\n\tgpgSign = true\n[merge]\n\tff = only\n[grep]\n\tpatternType = fixed\n[user]\n\tuseConfigOnly = true\n",
    );
    const hostile = { ...env, GIT_CONFIG_GLOBAL: config };
    for (const name of Object.keys(hostile))
      if (/^GIT_(AUTHOR|COMMITTER)_/.test(name)) delete (hostile as Record<string, string>)[name];
    const ctx = testContext(dir, { env: hostile });
    const crlf = "a\r\nb\r\n$Id$\r\n";
    registry.publish({
      name: "odd",
      version: "1.0.0",
      files: {
        ".gitattributes": "* text eol=lf ident\n*.bin filter=lfs\n",
        ".gitignore": "*.js\ndist\n",
        "a.txt": crlf,
        "index.js": "1",
        "dist/x": "2",
        "y.bin": "3",
      },
    });
    await addSources(ctx, mirror, ["npm:odd"], options);
    expect(await readFile(join(mirror, "node_modules/odd/a.txt"), "utf8")).toBe(crlf);
    expect(await readFile(join(mirror, "node_modules/odd/dist/x"), "utf8")).toBe("2");
    expect(await git(mirror, ["status", "--porcelain"])).toBe("");
    const clone = await cloneMirror(ctx, { dir: join(dir, "clone"), url: mirror });
    expect(await readFile(join(clone.dir, "node_modules/odd/a.txt"), "utf8")).toBe(crlf);
    // A patch that adds what the package's own .gitignore hides is not lost.
    await writeFile(join(mirror, "node_modules/odd/new.js"), "hidden");
    expect((await mirrorStatus(ctx, await openMirror(ctx, mirror)))[0]).toMatchObject({
      state: "modified",
      hidden: ["node_modules/odd/new.js"],
    });
  });
});

describe("what cannot be trusted or reached", () => {
  test("a package whose bytes are not what the registry promised is refused", async () => {
    const { ctx, registry, mirror, options } = await setUpMirror();
    registry.publish({
      name: "forged",
      version: "1.0.0",
      integrity: `sha512-${Buffer.alloc(64, 1).toString("base64")}`,
    });
    const head = await git(mirror, ["rev-parse", "HEAD"]);
    await expect(addSources(ctx, mirror, ["npm:forged"], options)).rejects.toMatchObject({
      code: "FLOW_VENDOR_FETCH",
      message: expect.stringContaining("forged@1.0.0"),
    });
    expect(await git(mirror, ["rev-parse", "HEAD"])).toBe(head);
  });

  test("a package or ref that does not exist says so, a git host that is not there too", async () => {
    const { ctx, mirror, upstream, options } = await setUpMirror();
    await expect(addSources(ctx, mirror, ["npm:never-published"], options)).rejects.toMatchObject({
      code: "FLOW_VENDOR_RESOLVE",
    });
    await expect(addSources(ctx, mirror, [`${upstream}@v9`], options)).rejects.toMatchObject({
      code: "FLOW_VENDOR_FETCH",
      message: expect.stringContaining("v9"),
    });
    await expect(addSources(ctx, mirror, ["git://127.0.0.1:1/x.git"], options)).rejects.toMatchObject({
      code: "FLOW_VENDOR_FETCH",
    });
  });

  test("a registry that accepts and never answers ends in an error", async () => {
    const { dir, registry, env, mirror, options } = await setUpMirror();
    registry.publish({ name: "slow", version: "1.0.0" });
    registry.hang("slow");
    const ctx = testContext(dir, { env: { ...env, npm_config_fetch_timeout: "300", npm_config_fetch_retries: "0" } });
    await expect(addSources(ctx, mirror, ["npm:slow"], options)).rejects.toMatchObject({ code: "FLOW_VENDOR_FETCH" });
  });

  test("a name of our own is never asked of a registry, also deep in a closure", async () => {
    const { ctx, registry, mirror, options } = await setUpMirror();
    registry.publish(
      { name: "outer", version: "1.0.0", dependencies: { "@acme/inner": "*" } },
      { name: "@acme/inner", version: "1.0.0" },
    );
    const ownNames = ["@acme", "goflow"];
    for (const spec of ["npm:@acme/inner", "npm:goflow", "npm:outer"]) {
      await expect(addSources(ctx, mirror, [spec], { ...options, ownNames })).rejects.toMatchObject({
        code: "FLOW_VENDOR_OWN_NAME",
      });
    }
    expect(registry.requests.filter((path) => path.includes("inner") || path.includes("goflow"))).toEqual([]);
  });
});

test("a lost manifest is rebuilt from history", async () => {
  const { ctx, registry, mirror, upstream, options } = await setUpMirror();
  registry.publish({ name: "left", version: "1.0.0", license: "MIT" });
  await addSources(ctx, mirror, ["npm:left"], options);
  await addSources(ctx, mirror, [upstream], { ...options, prefix: "lib" });
  const before = (await openMirror(ctx, mirror)).manifest.prefixes;
  await git(mirror, ["rm", "--quiet", "vendor-manifest.json"]);
  await git(mirror, ["commit", "--quiet", "-m", "Lose it"]);
  await rebuildMirror(ctx, mirror);
  const { prefixes } = (await openMirror(ctx, mirror)).manifest;
  for (const [prefix, { commit, tree, squash }] of Object.entries(before))
    expect(prefixes[prefix]).toMatchObject({ commit, tree, squash });
});

test("in a plain git repository, flow vendor works on that repository", async () => {
  const { dir, registry, env } = await setUpMirror();
  registry.publish({ name: "left", version: "1.0.0", license: "MIT", files: { "index.js": "module.exports = 42" } });
  const plain = join(dir, "plain");
  await mkdir(plain);
  await git(plain, ["init", "--quiet"]);
  const added = await flow(["vendor", "add", "npm:left", "--json"], { cwd: plain, env });
  expect(added, added.stderr).toMatchObject({ exitCode: 0 });
  const listed = JSON.parse((await flow(["vendor", "list", "--json"], { cwd: plain, env })).stdout) as {
    prefixes: object[];
  };
  expect(listed.prefixes).toMatchObject([
    { prefix: "node_modules/left", version: "1.0.0", licence: "MIT", state: "clean" },
  ]);
  const { execa } = await import("execa");
  expect((await execa(process.execPath, ["-p", "require('left')"], { cwd: plain })).stdout).toBe("42");
});
