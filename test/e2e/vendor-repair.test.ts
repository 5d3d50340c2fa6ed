import { join } from "node:path";
import { expect, test } from "vitest";
import {
  addSources,
  cloneMirror,
  examineMirror,
  mirrorStatus,
  openMirror,
  pushMirror,
  repairMirror,
  updatePrefixes,
  verifyMirror,
} from "../../src/vendoring/index.ts";
import { flow } from "../support/flow.ts";
import { commitFiles, git } from "../support/git-repository.ts";
import { setUpMirror } from "../support/mirror.ts";

test("after a forge squashed a pull request, doctor names what git subtree would stumble over, and --repair mends it", async () => {
  const { dir, ctx, env, mirror, remote, upstream, options } = await setUpMirror();
  await addSources(ctx, mirror, [`${upstream}@main`], { ...options, prefix: "old" });
  await pushMirror(ctx, mirror);
  const base = await git(mirror, ["rev-parse", "HEAD"]);
  // flow's own work, and a person's by hand
  await addSources(ctx, mirror, [`${upstream}@main`], { ...options, prefix: "lib" });
  await git(mirror, ["subtree", "add", "-q", "--squash", "--prefix=by-hand", upstream, "main"]);
  await commitFiles(mirror, { "lib/ours.txt": "ours\n" }, "Patch");
  await git(mirror, ["push", "--quiet", "origin", "HEAD:pull", "refs/flow/upstream/*:refs/flow/upstream/*"]);
  const messages = await git(mirror, ["log", "--no-merges", "--format=%B", `${base}..HEAD`]);
  const forge = join(dir, "forge");
  await git(dir, ["clone", "--quiet", remote, forge]);
  await git(forge, ["merge", "--quiet", "--squash", "origin/pull"]);
  await git(forge, ["commit", "--quiet", "-m", `Pull request (#1)\n\n${messages}`]);
  await git(forge, ["push", "--quiet", "origin", "main", ":pull"]);

  const clone = (await cloneMirror(ctx, { dir: join(dir, "clone"), url: remote })).dir;
  const examined = async () => await examineMirror(ctx, await openMirror(ctx, clone));
  const flattened = await git(clone, ["rev-parse", "HEAD"]);
  expect(await examined()).toMatchObject([
    { prefix: "by-hand", mistaken: flattened },
    { prefix: "lib", mistaken: flattened },
  ]);
  const cli = (args: readonly string[]) => flow(["vendor", ...args], { cwd: clone, env });
  expect(await cli(["doctor"])).toMatchObject({
    exitCode: 1,
    stdout: expect.stringContaining("by-hand: git subtree by hand takes"),
  });
  expect((await repairMirror(ctx, clone, { dryRun: true })).repaired).toHaveLength(2);
  expect(await git(clone, ["rev-parse", "HEAD"])).toBe(flattened);
  const before = await git(clone, ["ls-tree", "-r", "HEAD", "lib", "by-hand", "old"]);
  expect(await cli(["doctor", "--repair"])).toMatchObject({
    exitCode: 0,
    stdout: expect.stringContaining("by-hand, lib"),
  });
  expect(await git(clone, ["ls-tree", "-r", "HEAD", "lib", "by-hand", "old"])).toBe(before);
  expect(await examined()).toEqual([]);
  expect((await mirrorStatus(ctx, await openMirror(ctx, clone))).map(({ prefix, state }) => [prefix, state])).toEqual([
    ["by-hand", "clean"],
    ["lib", "patched"],
    ["old", "clean"],
  ]);

  // by hand, and by flow
  await commitFiles(upstream, { "a.txt": "one\n2\n3\n4\n5\n", "more.txt": "m\n" });
  for (const prefix of ["by-hand", "lib"]) {
    await git(clone, ["subtree", "pull", "-q", "--squash", `--prefix=${prefix}`, upstream, "main"]);
    expect(await git(clone, ["show", `HEAD:${prefix}/more.txt`])).toBe("m");
  }
  expect(await git(clone, ["show", "HEAD:lib/ours.txt"])).toBe("ours");
  const split = await git(clone, ["subtree", "-q", "split", "--prefix=lib"]);
  await git(clone, ["merge-base", "--is-ancestor", await git(upstream, ["rev-parse", "main"]), split]);
  await commitFiles(upstream, { "last.txt": "l\n" });
  await updatePrefixes(ctx, clone, ["old", "lib"], options);
  expect((await verifyMirror(ctx, await openMirror(ctx, clone))).problems).toEqual([]);
  expect(await examined()).toEqual([]);
  expect(await git(clone, ["fsck", "--strict", "--no-dangling"])).toBe("");
});
