import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import {
  abortUpdate,
  addSources,
  continueUpdate,
  mirrorStatus,
  openMirror,
  pushMirror,
  updatePrefixes,
  verifyMirror,
} from "../../src/vendoring/index.ts";
import { flow } from "../support/flow.ts";
import { commitFiles, git, writeFiles } from "../support/git-repository.ts";
import { setUpMirror } from "../support/mirror.ts";

/** An upstream that contradicts a patch in a.txt, agrees with it elsewhere, adds a file and drops one. */
async function conflicting() {
  const setUp = await setUpMirror({ "a.txt": "1\n2\n3\n", "gone.txt": "x\n", "same.txt": "1\n2\n3\n4\n5\n" });
  const { ctx, mirror, upstream, options } = setUp;
  await addSources(ctx, mirror, [`${upstream}@main`], { ...options, prefix: "lib" });
  await commitFiles(mirror, { "lib/a.txt": "ours\n2\n3\n", "lib/same.txt": "1\n2\n3\n4\nours\n" }, "Patch");
  await commitFiles(
    upstream,
    { "a.txt": "theirs\n2\n3\n", "gone.txt": null, "new.txt": "n\n", "same.txt": "theirs\n2\n3\n4\n5\n" },
    "Contradict",
  );
  const update = () => updatePrefixes(ctx, mirror, ["lib"], options);
  return { ...setUp, update };
}

/** What must come back: HEAD, index entries, and every file that git knows or does not know. */
async function state(mirror: string): Promise<string[]> {
  return [
    await git(mirror, ["rev-parse", "HEAD"]),
    await git(mirror, ["ls-files", "--stage"]),
    await git(mirror, ["status", "--porcelain=v1", "--untracked-files=all", "--ignored"]),
    await git(mirror, ["diff"]),
    await git(mirror, ["diff", "--cached"]),
  ];
}

test("a conflict stops with its files listed, and leaves it in the work tree for git and the person to see", async () => {
  const { mirror, update, ctx, options, upstream } = await conflicting();
  const head = await git(mirror, ["rev-parse", "HEAD"]);
  await expect(update()).rejects.toMatchObject({
    code: "FLOW_VENDOR_CONFLICT",
    exitCode: 4,
    message: expect.stringContaining("lib/a.txt"),
    hint: expect.stringContaining("flow vendor continue"),
    details: { files: [{ path: "lib/a.txt", kind: "contents" }] },
  });
  expect(await git(mirror, ["rev-parse", "HEAD"])).toBe(head);
  expect(await readFile(join(mirror, "lib/a.txt"), "utf8")).toContain(
    "<<<<<<< flow/merging/ours\nours\n=======\ntheirs\n",
  );
  expect(await readFile(join(mirror, "lib/same.txt"), "utf8")).toBe("theirs\n2\n3\n4\nours\n");
  expect(await git(mirror, ["status", "--porcelain", "lib"])).toContain("UU lib/a.txt");
  for (const blocked of [
    update,
    () => addSources(ctx, mirror, [upstream], { ...options, prefix: "two" }),
    () => pushMirror(ctx, mirror),
  ]) {
    await expect(blocked()).rejects.toMatchObject({
      code: "FLOW_VENDOR_CONFLICT",
      message: expect.stringContaining("a.txt"),
    });
  }
  await expect(continueUpdate(ctx, mirror)).rejects.toMatchObject({
    code: "FLOW_VENDOR_CONFLICT",
    message: expect.stringContaining("not resolved yet:\n  lib/a.txt"),
  });
});

test("abort brings back HEAD, index and files, local changes that were not in the way included", async () => {
  const { mirror, update, ctx } = await conflicting();
  await commitFiles(mirror, { "own.txt": "1\n", "staged.txt": "1\n" });
  await writeFiles(mirror, { "own.txt": "edited\n", "staged.txt": "staged\n", "lib/untracked.txt": "u\n" });
  await git(mirror, ["add", "staged.txt"]);
  const before = await state(mirror);
  await expect(update()).rejects.toMatchObject({ code: "FLOW_VENDOR_CONFLICT" });
  await writeFile(join(mirror, "lib/a.txt"), "half resolved\n");
  await git(mirror, ["add", "lib/a.txt"]);
  expect((await abortUpdate(ctx, mirror, { dryRun: true })).prefixes).toEqual(["lib"]);
  await abortUpdate(ctx, mirror);
  expect(await state(mirror)).toEqual(before);
  expect(await readFile(join(mirror, "lib/a.txt"), "utf8")).toBe("ours\n2\n3\n");
  await expect(abortUpdate(ctx, mirror)).rejects.toMatchObject({ code: "FLOW_VENDOR_NO_CONFLICT" });
  await expect(continueUpdate(ctx, mirror)).rejects.toMatchObject({ code: "FLOW_VENDOR_NO_CONFLICT" });
});

test("continue commits what the person made of it, as git subtree would have, and the next update goes on", async () => {
  const { mirror, update, ctx, upstream } = await conflicting();
  await expect(update()).rejects.toMatchObject({ code: "FLOW_VENDOR_CONFLICT" });
  await writeFile(join(mirror, "lib/a.txt"), "both\n2\n3\n");
  const { updated } = await continueUpdate(ctx, mirror);
  expect(updated).toMatchObject([{ prefix: "lib", patched: true }]);
  expect(await git(mirror, ["status", "--porcelain"])).toBe("");
  expect(await git(mirror, ["log", "-1", "--format=%s"])).toMatch(/^Merge commit '[0-9a-f]{40}' into main$/);
  expect(existsSync(join(mirror, "lib/new.txt"))).toBe(true);
  expect(existsSync(join(mirror, "lib/gone.txt"))).toBe(false);
  const opened = await openMirror(ctx, mirror);
  expect(await mirrorStatus(ctx, opened)).toMatchObject([{ prefix: "lib", state: "patched" }]);
  expect((await verifyMirror(ctx, opened)).problems).toEqual([]);
  await commitFiles(upstream, { "a.txt": "theirs\n2\nthree\n" }, "Go on");
  await update();
  expect(await readFile(join(mirror, "lib/a.txt"), "utf8")).toBe("both\n2\nthree\n");
  // and a person with git alone
  await commitFiles(upstream, { "last.txt": "l\n" }, "Last");
  await git(mirror, ["subtree", "pull", "-q", "--squash", "--prefix=lib", upstream, "main"]);
  expect(existsSync(join(mirror, "lib/last.txt"))).toBe(true);
});

test("a patched file that upstream deleted is kept by git add and dropped by git rm", async () => {
  for (const [choice, kept] of [
    ["add", true],
    ["rm", false],
  ] as const) {
    const { ctx, mirror, upstream, options } = await setUpMirror({ "a.txt": "1\n", "b.txt": "b\n" });
    await addSources(ctx, mirror, [`${upstream}@main`], { ...options, prefix: "lib" });
    await commitFiles(mirror, { "lib/a.txt": "ours\n" });
    await commitFiles(upstream, { "a.txt": null });
    await expect(updatePrefixes(ctx, mirror, ["lib"], options)).rejects.toMatchObject({
      details: { files: [{ path: "lib/a.txt", kind: "modify/delete" }] },
    });
    await expect(continueUpdate(ctx, mirror)).rejects.toMatchObject({ code: "FLOW_VENDOR_CONFLICT" });
    await git(
      mirror,
      [choice, "--quiet", "lib/a.txt"].filter((word) => choice === "rm" || word !== "--quiet"),
    );
    await continueUpdate(ctx, mirror);
    expect(existsSync(join(mirror, "lib/a.txt"))).toBe(kept);
    expect(await mirrorStatus(ctx, await openMirror(ctx, mirror))).toMatchObject([
      { state: kept ? "patched" : "clean" },
    ]);
  }
});

describe("a conflict that is ended with git alone", () => {
  test("by git commit: flow takes the merge over", async () => {
    const { mirror, update, ctx, upstream } = await conflicting();
    await expect(update()).rejects.toMatchObject({ code: "FLOW_VENDOR_CONFLICT" });
    await writeFile(join(mirror, "lib/a.txt"), "by hand\n2\n3\n");
    await git(mirror, ["add", "lib/a.txt"]);
    await git(mirror, ["commit", "--quiet", "--no-edit"]);
    const opened = await openMirror(ctx, mirror);
    expect(opened.manifest.prefixes.lib?.commit).toBe(await git(upstream, ["rev-parse", "main"]));
    expect(await mirrorStatus(ctx, opened)).toMatchObject([{ state: "patched" }]);
    await commitFiles(upstream, { "more.txt": "m\n" });
    await update();
    expect(await readFile(join(mirror, "lib/a.txt"), "utf8")).toBe("by hand\n2\n3\n");
  });

  test.each([
    ["merge", "--abort"],
    ["reset", "--quiet", "--hard"],
  ])("by git %s %s: nothing waits any more", async (...args) => {
    const { mirror, update, ctx } = await conflicting();
    await expect(update()).rejects.toMatchObject({ code: "FLOW_VENDOR_CONFLICT" });
    await git(mirror, args.filter(Boolean));
    expect(await git(mirror, ["status", "--porcelain"])).toBe("");
    await expect(abortUpdate(ctx, mirror)).rejects.toMatchObject({ code: "FLOW_VENDOR_NO_CONFLICT" });
    await expect(update()).rejects.toMatchObject({ message: expect.stringContaining("lib/a.txt") });
    await abortUpdate(ctx, mirror);
  });
});

test("the verbs say what is to be done, as text and as JSON", async () => {
  const { mirror, env } = await conflicting();
  const stopped = await flow(["vendor", "update", "lib"], { cwd: mirror, env });
  expect(stopped.exitCode).toBe(4);
  expect(stopped.stderr).toContain("lib/a.txt");
  expect(stopped.stderr).toContain("flow vendor abort");
  const shown = await flow(["vendor", "status"], { cwd: mirror, env });
  expect(shown.stdout).toContain("An update waits for you to resolve:\n  lib/a.txt");
  const aborted = await flow(["vendor", "abort", "--json"], { cwd: mirror, env });
  expect(JSON.parse(aborted.stdout)).toMatchObject({ prefixes: ["lib"], dryRun: false });
});
