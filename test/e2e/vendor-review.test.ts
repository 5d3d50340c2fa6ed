import { join } from "node:path";
import { expect, test } from "vitest";
import { addSources, pushMirror, removePrefixes, reviewRange, updatePrefixes } from "../../src/vendoring/index.ts";
import { flow } from "../support/flow.ts";
import { commitFiles, git } from "../support/git-repository.ts";
import { setUpMirror } from "../support/mirror.ts";

const text = "1\n2\n3\n4\n5\n6\n7\n8\n9\n";

test("review tells, package by package, what a branch brings, in a bare repository too", async () => {
  const { ctx, env, mirror, remote, upstream, options, registry } = await setUpMirror({
    "kept.txt": text,
    "taken.txt": text,
    "lost.txt": text,
  });
  registry.publish(
    { name: "left", version: "1.0.0", license: "MIT", dependencies: { both: "^1.0.0" }, files: { "a.js": "1\n" } },
    {
      name: "left",
      version: "1.1.0",
      license: "Apache-2.0",
      dependencies: { both: "^1.0.0", fresh: "^1.0.0" },
      scripts: { postinstall: "node `x`.js" },
      files: { "a.js": "2\n", "native.node": Buffer.from([0, 1, 2, 255]) },
    },
    { name: "both", version: "1.0.0" },
    { name: "fresh", version: "1.0.0" },
    { name: "gone", version: "1.0.0" },
  );
  await addSources(ctx, mirror, ["npm:left@1.0.0", "npm:gone"], options);
  await addSources(ctx, mirror, [`${upstream}@main`], { ...options, prefix: "third/lib" });
  const patched = (file: string) => ({ [`third/lib/${file}`]: `${text}ours\n` });
  await commitFiles(mirror, { ...patched("kept.txt"), ...patched("taken.txt"), ...patched("lost.txt") }, "Patch");
  await pushMirror(ctx, mirror);

  await git(mirror, ["checkout", "--quiet", "-b", "theirs"]);
  await commitFiles(upstream, {
    "taken.txt": `${text}ours\n`,
    "more.txt": "m\n",
    ".gitattributes": "*.node text diff\n",
  });
  await addSources(ctx, mirror, ["npm:left@^1.1.0"], options);
  await removePrefixes(ctx, mirror, ["gone"], options);
  await updatePrefixes(ctx, mirror, ["third/lib"], options);
  await commitFiles(mirror, { "third/lib/lost.txt": text, "own/tool.sh": "#!/bin/sh\n" }, "Lose a patch");
  await git(mirror, ["push", "--quiet", "origin", "theirs"]);

  const review = await reviewRange(ctx, remote, "main...theirs");
  expect(review).toMatchObject({
    from: await git(mirror, ["rev-parse", "main"]),
    others: ["own/tool.sh"],
    notImported: [],
    prefixes: [
      { prefix: "node_modules/fresh", change: "added", to: "1.0.0", licence: { to: expect.any(String) } },
      { prefix: "node_modules/gone", change: "removed", from: "1.0.0" },
      {
        prefix: "node_modules/left",
        change: "updated",
        from: "1.0.0",
        to: "1.1.0",
        files: { added: 1, removed: 0, changed: 2 },
        dependencies: [{ name: "fresh", to: "^1.0.0" }],
        installScripts: [{ name: "postinstall", to: "node `x`.js" }],
        binaries: ["native.node"],
        licence: { from: "MIT", to: "Apache-2.0" },
        warnings: [],
      },
      {
        prefix: "third/lib",
        change: "updated",
        patches: { kept: ["kept.txt"], adopted: ["taken.txt"], lost: ["lost.txt"], added: [] },
      },
    ],
  });
  const cli = async (args: readonly string[], cwd = mirror) =>
    (await flow(["vendor", "review", ...args], { cwd, env })).stdout;
  expect(JSON.parse(await cli(["main...theirs", "--json"], remote))).toMatchObject(review);
  const shown = await cli(["main..HEAD"]);
  expect(shown).toContain(
    "1 added, 2 updated, 1 removed. Look at: patches lost in 1, install scripts in 1, binaries in 1",
  );
  expect(shown).toContain("node_modules/left 1.0.0 → 1.1.0, npm:left");
  expect(shown).toContain("licence: MIT → Apache-2.0");
  const markdown = await cli(["main...theirs", "--markdown"]);
  expect(markdown).toContain("### `node_modules/left` 1.0.0 → 1.1.0, `npm:left`");
  expect(markdown).toContain("postinstall `` node `x`.js ``");

  // What an honest change does not do, and what a robot does.
  await git(mirror, ["checkout", "--quiet", "main"]);
  const manifest = JSON.parse(await git(mirror, ["show", "HEAD:vendor-manifest.json"])) as {
    prefixes: Record<string, Record<string, string>>;
  };
  const entry = manifest.prefixes["node_modules/gone"] as Record<string, string>;
  const lock = await git(mirror, ["show", "HEAD:package-lock.json"]);
  await commitFiles(mirror, { "node_modules/gone/evil.js": "boom\n" }, "Add a file");
  entry.tree = await git(mirror, ["rev-parse", "HEAD:node_modules/gone"]);
  await commitFiles(mirror, {
    "vendor-manifest.json": JSON.stringify(manifest),
    "package-lock.json": lock.replaceAll('"version": "1.0.0"', '"version": "1.0.1"'),
  });
  const forged = await reviewRange(ctx, mirror, "main~2..main");
  expect(forged.prefixes).toMatchObject([
    {
      prefix: "node_modules/gone",
      warnings: [
        "the same version 1.0.0 holds other files than before",
        expect.stringContaining("does not hold what vendor-manifest.json records"),
      ],
    },
  ]);
  expect(forged.notImported).toContainEqual({ name: "node_modules/left", from: "1.0.0", to: "1.0.1" });
});

test("review refuses what names no commits, and says how to name them", async () => {
  const { ctx, dir, mirror } = await setUpMirror();
  for (const range of ["no-such..HEAD", "--output=x", "HEAD..-x"]) {
    await expect(reviewRange(ctx, mirror, range)).rejects.toMatchObject({
      code: "FLOW_USAGE",
      message: /names no commit/,
    });
  }
  await expect(reviewRange(ctx, join(dir, "none"), "a..b")).rejects.toMatchObject({ code: "FLOW_VENDOR_NOT_A_MIRROR" });
});
