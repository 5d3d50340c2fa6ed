import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { Git } from "../../src/core/git/index.ts";
import {
  addSources,
  diffPrefixes,
  exportPatches,
  mirrorStatus,
  openMirror,
  removePrefixes,
  updatePrefixes,
  verifyMirror,
} from "../../src/vendoring/index.ts";
import { splitPrefix } from "../../src/vendoring/upstream/split.ts";
import { testContext } from "../support/context.ts";
import { flow } from "../support/flow.ts";
import { commitFiles, git, writeFiles } from "../support/git-repository.ts";
import { setUpMirror } from "../support/mirror.ts";

test("diff shows committed patches and what is not committed, with paths that git apply takes back", async () => {
  const { ctx, mirror, upstream, options } = await setUpMirror({ "a.txt": "a\n", ".gitignore": "built\n" });
  await addSources(ctx, mirror, [`${upstream}@main`], { ...options, prefix: "lib" });
  expect(await diffPrefixes(ctx, mirror, { names: [] })).toEqual([]);
  await commitFiles(mirror, { "lib/a.txt": "patched\n" });
  await writeFiles(mirror, { "lib/new.txt": "new\n", "lib/built": "hidden\n", "outside.txt": "x\n" });
  const index = await git(mirror, ["ls-files", "--stage"]);
  expect(await diffPrefixes(ctx, mirror, { names: ["lib"], committed: true })).toMatchObject([
    { prefix: "lib", files: [{ path: "lib/a.txt", status: "M" }] },
  ]);
  const [shown] = await diffPrefixes(ctx, mirror, { names: [] });
  expect(shown?.files.map(({ path }) => path)).toEqual(["lib/a.txt", "lib/built", "lib/new.txt"]);
  expect(await git(mirror, ["ls-files", "--stage"])).toBe(index);
  const printed = await flow(["vendor", "diff"], { cwd: mirror, env: ctx.env as Record<string, string> });
  await writeFile(join(mirror, "all.patch"), `${printed.stdout}\n`);
  await git(mirror, ["apply", "--reverse", "all.patch"]);
  expect(await readFile(join(mirror, "lib/a.txt"), "utf8")).toBe("a\n");
  expect(existsSync(join(mirror, "lib/new.txt"))).toBe(false);
});

describe("patches for upstream", () => {
  test("apply there with git am, one mail a commit, also after updates that were merged into them", async () => {
    const { dir, ctx, mirror, upstream, options } = await setUpMirror({
      "a.txt": "1\n2\n3\n4\n5\n6\n7\n8\n",
      "b.txt": "b\n",
    });
    await addSources(ctx, mirror, [`${upstream}@main`], { ...options, prefix: "lib" });
    await commitFiles(mirror, { "lib/a.txt": "one\n2\n3\n4\n5\n6\n7\n8\n", "own.txt": "not lib\n" }, "Say one");
    await commitFiles(upstream, { "a.txt": "1\n2\n3\n4\n5\n6\n7\neight\n", "c.txt": "c\n" }, "Say eight");
    await updatePrefixes(ctx, mirror, ["lib"], options);
    await commitFiles(mirror, { "lib/new.bin": Buffer.from([0, 1, 255, 254]) }, "Add a file");
    const { patches, commit, files } = await exportPatches(ctx, mirror, { name: "lib", output: join(dir, "out") });
    expect(patches.map(({ subject, author }) => [subject, author])).toEqual([
      ["Say one", "Ada <ada@example.com>"],
      ["Add a file", "Ada <ada@example.com>"],
    ]);
    expect(commit).toBe(await git(upstream, ["rev-parse", "main"]));
    await git(upstream, ["am", "--quiet", ...(files as string[])]);
    expect(await git(upstream, ["rev-parse", "HEAD^{tree}"])).toBe(await git(mirror, ["rev-parse", "HEAD:lib"]));
  });

  test("end in what the mirror holds when a conflict was resolved by hand", async () => {
    const { dir, ctx, mirror, upstream, options } = await setUpMirror({ "a.txt": "1\n" });
    await addSources(ctx, mirror, [`${upstream}@main`], { ...options, prefix: "lib" });
    await commitFiles(mirror, { "lib/a.txt": "ours\n" }, "Ours");
    await commitFiles(upstream, { "a.txt": "theirs\n" });
    await expect(updatePrefixes(ctx, mirror, ["lib"], options)).rejects.toMatchObject({ code: "FLOW_VENDOR_CONFLICT" });
    await writeFile(join(mirror, "lib/a.txt"), "both\n");
    const done = await flow(["vendor", "continue"], { cwd: mirror, env: ctx.env as Record<string, string> });
    expect(done, done.stderr).toMatchObject({ exitCode: 0 });
    const { files } = await exportPatches(ctx, mirror, { name: "lib", output: join(dir, "out") });
    await git(upstream, ["am", "--quiet", ...(files as string[])]);
    expect(await readFile(join(upstream, "a.txt"), "utf8")).toBe("both\n");
  });

  test("of a prefix without patches are none", async () => {
    const { ctx, mirror, upstream, options } = await setUpMirror();
    await addSources(ctx, mirror, [upstream], { ...options, prefix: "lib" });
    expect((await exportPatches(ctx, mirror, { name: "lib" })).patches).toEqual([]);
  });
});

describe("the history of a prefix", () => {
  test("has the hashes that git subtree split gives, through patches, updates and other prefixes", async () => {
    const { ctx, mirror, upstream, options, registry } = await setUpMirror({ "a.txt": "1\n2\n3\n4\n5\n6\n7\n8\n" });
    registry.publish({ name: "left", version: "1.0.0" });
    const prefix = "a b/c+d^e$(f)";
    const split = async () => await splitPrefix(new Git(ctx, mirror), { rev: "HEAD", prefix, nested: [] });
    const byHand = async () => await git(mirror, ["subtree", "-q", "split", `--prefix=${prefix}`]);
    await addSources(ctx, mirror, [`${upstream}@main`], { ...options, prefix });
    expect(await split()).toBe(await byHand());
    await commitFiles(
      mirror,
      { [`${prefix}/a.txt`]: "one\n2\n3\n4\n5\n6\n7\n8\n", "x.txt": "x\n" },
      "Patch\n\nWith a body.\n",
    );
    await addSources(ctx, mirror, ["npm:left"], options);
    expect(await split()).toBe(await byHand());
    await commitFiles(upstream, { "a.txt": "1\n2\n3\n4\n5\n6\n7\neight\n" });
    await updatePrefixes(ctx, mirror, [prefix], options);
    await commitFiles(mirror, { [`${prefix}/z.txt`]: "z\n" }, "Another");
    const hash = await split();
    expect(hash).toBe(await byHand());
    await git(mirror, ["merge-base", "--is-ancestor", await git(upstream, ["rev-parse", "main"]), hash as string]);
  });

  test("leaves out prefixes that are nested in it", async () => {
    const { ctx, mirror, upstream, options, registry } = await setUpMirror({ "package.json": "{}\n" });
    registry.publish({ name: "left", version: "1.0.0" });
    await addSources(ctx, mirror, [`${upstream}@main`], { ...options, prefix: "node_modules/outer" });
    const second = join(mirror, "..", "second");
    await git(mirror, ["clone", "--quiet", upstream, second]);
    await addSources(ctx, mirror, [`${second}@main`], { ...options, prefix: "node_modules/outer/node_modules/inner" });
    await commitFiles(mirror, { "node_modules/outer/ours.txt": "ours\n" }, "Patch");
    const hash = await splitPrefix(new Git(ctx, mirror), {
      rev: "HEAD",
      prefix: "node_modules/outer",
      nested: ["node_modules/inner"],
    });
    expect(await git(mirror, ["ls-tree", "-r", "--name-only", hash as string])).toBe("ours.txt\npackage.json");
    expect(await git(mirror, ["rev-list", "--count", hash as string])).toBe("2");
  });
});

describe("remove", () => {
  test("takes a package out with what only it needed, and says who needs one that must stay", async () => {
    const { ctx, mirror, options, registry } = await setUpMirror();
    registry.publish(
      { name: "left", version: "1.0.0", dependencies: { deep: "^1.0.0", both: "^1.0.0" } },
      { name: "right", version: "1.0.0", dependencies: { both: "^1.0.0" } },
      { name: "deep", version: "1.0.0" },
      { name: "both", version: "1.0.0" },
    );
    await addSources(ctx, mirror, ["npm:left", "npm:right", "npm:both"], options);
    const dry = await removePrefixes(ctx, mirror, ["left"], { ...options, dryRun: true });
    expect(dry.removed).toEqual(["node_modules/deep", "node_modules/left"]);
    await expect(removePrefixes(ctx, mirror, ["both"], options)).rejects.toMatchObject({
      code: "FLOW_VENDOR_RESOLVE",
      message: expect.stringContaining("node_modules/left, node_modules/right"),
    });
    await expect(removePrefixes(ctx, mirror, ["deep"], options)).rejects.toMatchObject({ code: "FLOW_VENDOR_RESOLVE" });
    expect((await removePrefixes(ctx, mirror, ["left"], options)).removed).toEqual(dry.removed);
    expect(Object.keys((await openMirror(ctx, mirror)).manifest.prefixes)).toEqual([
      "node_modules/both",
      "node_modules/right",
    ]);
    expect(existsSync(join(mirror, "node_modules/left"))).toBe(false);
    expect(await readFile(join(mirror, "package.json"), "utf8")).not.toContain("left");
    expect(await readFile(join(mirror, "package-lock.json"), "utf8")).not.toContain("left");
    await addSources(ctx, mirror, ["npm:left"], options);
    expect((await verifyMirror(ctx, await openMirror(ctx, mirror))).problems).toEqual([]);
  });

  test("takes a git source out with the link to it, asks before patches go, and refuses to lose what no commit holds", async () => {
    const { dir, ctx, env, mirror, upstream, options, registry } = await setUpMirror({
      "package.json": '{"name":"lib","version":"1.0.0"}',
    });
    registry.publish({ name: "left", version: "1.0.0" });
    await addSources(ctx, mirror, ["npm:left", `${upstream}`], options);
    const prefix = "local/upstream";
    expect(existsSync(join(mirror, "node_modules/lib/package.json"))).toBe(true);
    await commitFiles(mirror, { [`${prefix}/ours.txt`]: "ours\n" }, "Patch");
    await expect(removePrefixes(ctx, mirror, [prefix], options)).rejects.toMatchObject({
      code: "FLOW_CONFIRMATION_REQUIRED",
    });
    await writeFile(join(mirror, prefix, "ours.txt"), "more\n");
    const yes = testContext(dir, { env, confirm: async () => true });
    await expect(removePrefixes(yes, mirror, [prefix], options)).rejects.toMatchObject({ code: "FLOW_VENDOR_DIRTY" });
    await git(mirror, ["checkout", "--quiet", "."]);
    await removePrefixes(yes, mirror, [prefix], options);
    expect(existsSync(join(mirror, prefix))).toBe(false);
    expect(existsSync(join(mirror, "node_modules/lib"))).toBe(false);
    expect(await git(mirror, ["status", "--porcelain"])).toBe("");
    expect(await mirrorStatus(ctx, await openMirror(ctx, mirror))).toMatchObject([{ prefix: "node_modules/left" }]);
    await git(mirror, ["subtree", "add", "-q", "--squash", `--prefix=${prefix}`, upstream, "main"]);
    expect((await openMirror(ctx, mirror)).manifest.prefixes[prefix]).toBeDefined();
  });

  test("sees a prefix that comes back by the very squash it had before", async () => {
    const { ctx, mirror, upstream, options } = await setUpMirror({ "a.txt": "a\n" });
    await addSources(ctx, mirror, [upstream], options);
    const prefix = "local/upstream";
    const { squash } = (await openMirror(ctx, mirror)).manifest.prefixes[prefix] ?? {};
    await removePrefixes(ctx, mirror, [prefix], options);
    await git(mirror, ["read-tree", "-u", `--prefix=${prefix}`, `${squash}`]);
    const tree = await git(mirror, ["write-tree"]);
    const merge = await git(mirror, ["commit-tree", "-p", "HEAD", "-p", `${squash}`, "-m", "Add again", tree]);
    await git(mirror, ["reset", "--quiet", "--hard", merge]);
    expect((await openMirror(ctx, mirror)).manifest.prefixes[prefix]).toMatchObject({ squash });
  });

  test("asks before it takes what a repository of ours declares that it needs", async () => {
    const { dir, ctx, env, mirror, upstream, options, registry } = await setUpMirror({
      "package.json": '{"name":"lib","version":"1.0.0"}',
    });
    registry.publish({ name: "left", version: "1.0.0" }, { name: "right", version: "1.0.0" });
    await addSources(ctx, mirror, ["npm:left", "npm:right", upstream], options);
    const own = [{ path: "src/example.com/acme/shop/package.json", dependencies: { left: "^1.0.0", lib: "*" } }];
    const remove = { ...options, own };
    for (const name of ["left", "local/upstream"]) {
      await expect(removePrefixes(ctx, mirror, [name], remove)).rejects.toMatchObject({
        code: "FLOW_CONFIRMATION_REQUIRED",
        message: expect.stringMatching(/^(left|lib) is what src\/example.com\/acme\/shop\/package.json needs/),
      });
    }
    await removePrefixes(ctx, mirror, ["right"], remove);
    await removePrefixes(ctx, mirror, ["left"], { ...remove, dryRun: true });
    expect(ctx.events).toContainEqual(
      expect.objectContaining({ level: "warn", text: expect.stringContaining("left is what") }),
    );
    const yes = testContext(dir, { env, confirm: async () => true });
    await removePrefixes(yes, mirror, ["left", "local/upstream"], remove);
    expect((await openMirror(ctx, mirror)).manifest.prefixes).toEqual({});
  });

  test("keeps a prefix that is nested in one that leaves", async () => {
    const { ctx, mirror, upstream, options } = await setUpMirror();
    await addSources(ctx, mirror, [upstream], { ...options, prefix: "outer" });
    const second = join(mirror, "..", "second");
    await git(mirror, ["clone", "--quiet", upstream, second]);
    await addSources(ctx, mirror, [second], { ...options, prefix: "outer/inner" });
    await removePrefixes(ctx, mirror, ["outer"], options);
    expect(existsSync(join(mirror, "outer/a.txt"))).toBe(false);
    expect(existsSync(join(mirror, "outer/inner/a.txt"))).toBe(true);
    expect(await git(mirror, ["status", "--porcelain"])).toBe("");
  });
});
