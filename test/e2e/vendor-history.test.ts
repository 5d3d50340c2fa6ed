import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { describe, expect, test } from "vitest";
import {
  addSources,
  cloneMirror,
  openMirror,
  pushMirror,
  pushUpstream,
  unshallow,
  updatePrefixes,
  verifyMirror,
} from "../../src/vendoring/index.ts";
import { fetchingRefs } from "../../src/vendoring/git/fetching-refs.ts";
import { checkoutRoot } from "../support/context.ts";
import { commitFiles, git } from "../support/git-repository.ts";
import { setUpMirror } from "../support/mirror.ts";

describe("upstream's history", () => {
  test("that a killed fetch was bringing is let go by the next command; one that goes on is left alone", async () => {
    const { ctx, mirror, upstream, options } = await setUpMirror();
    await addSources(ctx, mirror, [upstream], options);
    const going = `${fetchingRefs()}/one`;
    for (const ref of ["refs/flow/fetching/4194303/1/x/one", going]) await git(mirror, ["update-ref", ref, "HEAD"]);
    await openMirror(ctx, mirror);
    expect(await git(mirror, ["for-each-ref", "--format=%(refname)", "refs/flow/fetching"])).toBe(going);
  });

  test("with a tag that was moved stops the update and names both commits; it is taken only when asked for", async () => {
    const { ctx, mirror, upstream, options } = await setUpMirror();
    await git(upstream, ["tag", "v1"]);
    await addSources(ctx, mirror, [`${upstream}@v1`], { ...options, prefix: "lib" });
    const [old, head] = [await git(upstream, ["rev-parse", "v1"]), await git(mirror, ["rev-parse", "HEAD"])];
    const moved = await commitFiles(upstream, { "a.txt": "forged\n" });
    await git(upstream, ["tag", "--force", "v1"]);
    await expect(updatePrefixes(ctx, mirror, [], options)).rejects.toMatchObject({
      code: "FLOW_VENDOR_MOVED_TAG",
      details: { prefix: "lib", tag: "v1", from: old, to: moved },
    });
    expect(await git(mirror, ["rev-parse", "HEAD"])).toBe(head);
    await updatePrefixes(ctx, mirror, ["lib"], { ...options, allowMovedTag: true });
    expect(await readFile(join(mirror, "lib/a.txt"), "utf8")).toBe("forged\n");
  });

  test("that was rewritten below a branch is told of, and patches are kept over it", async () => {
    const { ctx, mirror, upstream, options } = await setUpMirror();
    await addSources(ctx, mirror, [`${upstream}@main`], { ...options, prefix: "lib" });
    await commitFiles(mirror, { "lib/ours.txt": "ours\n" });
    await git(upstream, ["commit", "--quiet", "--amend", "-m", "Another beginning"]);
    await updatePrefixes(ctx, mirror, ["lib"], options);
    expect(ctx.events).toContainEqual(
      expect.objectContaining({ level: "warn", text: expect.stringContaining("upstream rewrote main") }),
    );
    expect(existsSync(join(mirror, "lib/ours.txt"))).toBe(true);
  });
});

test("a clone of depth 1, without blobs and with a sparse work tree updates, and is made whole for git subtree by hand", async () => {
  const { dir, ctx, mirror, remote, upstream, options } = await setUpMirror();
  await addSources(ctx, mirror, [`${upstream}@main`], { ...options, prefix: "lib" });
  const second = join(dir, "second");
  await git(dir, ["clone", "--quiet", upstream, second]);
  await addSources(ctx, mirror, [second], { ...options, prefix: "other" });
  await commitFiles(mirror, { "lib/ours.txt": "ours\n" }, "Patch");
  await commitFiles(mirror, { "own.txt": "history\n" });
  await pushMirror(ctx, mirror);
  await git(remote, ["config", "uploadpack.allowFilter", "true"]);
  const shallow = join(dir, "shallow");
  const how = ["--depth=1", "--filter=blob:none", "--sparse", "--no-tags"];
  await git(dir, ["clone", "--quiet", ...how, `file://${remote}`, shallow]);
  await git(shallow, ["sparse-checkout", "set", "lib"]);
  await commitFiles(upstream, { "a.txt": "one\n2\n3\n4\n5\n" });
  await updatePrefixes(ctx, shallow, ["lib"], options);
  expect(await readFile(join(shallow, "lib/a.txt"), "utf8")).toBe("one\n2\n3\n4\n5\n");
  expect(await readFile(join(shallow, "lib/ours.txt"), "utf8")).toBe("ours\n");
  expect(existsSync(join(shallow, "other/a.txt"))).toBe(false);
  expect(await git(shallow, ["status", "--porcelain"])).toBe("");
  await expect(pushUpstream(ctx, shallow, { name: "lib" })).rejects.toMatchObject({ code: "FLOW_VENDOR_SHALLOW" });
  await pushMirror(ctx, shallow);
  expect(await unshallow(ctx, shallow, { name: "other" })).toEqual({ prefix: "other", shallow: true, sparse: true });
  await commitFiles(upstream, { "last.txt": "l\n" });
  for (const [prefix, from] of [
    ["lib", upstream],
    ["other", second],
  ] as const) {
    await git(shallow, ["subtree", "pull", "-q", "--squash", `--prefix=${prefix}`, from, "main"]);
  }
  expect(existsSync(join(shallow, "lib/last.txt"))).toBe(true);
});

test("a clone of a branch that a forge flattened finds what its packages were made of", async () => {
  const { dir, ctx, mirror, remote, upstream, options } = await setUpMirror();
  await pushMirror(ctx, mirror);
  await addSources(ctx, mirror, [`${upstream}@main`], { ...options, prefix: "lib" });
  await commitFiles(mirror, { "lib/ours.txt": "ours\n" }, "Patch");
  const head = await git(mirror, ["rev-parse", "HEAD"]);
  const flat = await git(mirror, ["commit-tree", "HEAD^{tree}", "-p", "origin/main", "-m", "Pull request (#1)"]);
  await git(mirror, ["push", "--quiet", "origin", `${flat}:refs/heads/main`, `${head}:refs/flow/history/${head}`]);
  const clone = await cloneMirror(ctx, { dir: join(dir, "clone"), url: `file://${remote}` });
  await commitFiles(upstream, { "a.txt": "one\n2\n3\n4\n5\n" });
  await updatePrefixes(ctx, clone.dir, ["lib"], options);
  expect(await readFile(join(clone.dir, "lib/ours.txt"), "utf8")).toBe("ours\n");
  expect((await verifyMirror(ctx, await openMirror(ctx, clone.dir))).problems).toEqual([]);
});

test("SIGKILL at every stage that an add tells of leaves the old commit or the new one, and no lock", async () => {
  const { dir, registry, env, ctx, mirror, options, upstream } = await setUpMirror();
  registry.publish({ name: "left", version: "1.0.0", files: { "index.js": "1" } });
  const before = await git(mirror, ["rev-parse", "HEAD"]);
  const program = join(dir, "add.ts");
  await writeFile(
    program,
    `import { addSources } from ${JSON.stringify(join(checkoutRoot, "src/vendoring/index.ts"))};
     import { describeInstallation } from ${JSON.stringify(join(checkoutRoot, "src/core/installation.ts"))};
     import { writeSync } from "node:fs";
     let left = Number(process.argv[2]);
     const emit = (event) => {
       if (event.type !== "step" || event.phase === "progress") return;
       writeSync(1, event.id + " " + event.phase + "\\n");
       // Stands still at this stage until the test kills it.
       if (left-- === 0) { writeSync(1, "STOP\\n"); Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0); }
     };
     const ctx = { cwd: ${JSON.stringify(dir)}, env: process.env, signal: new AbortController().signal, emit, now: () => new Date(), installation: describeInstallation(${JSON.stringify(checkoutRoot)}, process.execPath), interactive: false, confirm: async () => true };
     await addSources(ctx, ${JSON.stringify(mirror)}, ["npm:left", ${JSON.stringify(upstream)}], ${JSON.stringify(options)});`,
  );
  const stages: string[] = [];
  for (let stage = 0, finished = false; !finished; stage++) {
    const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", program, String(stage)], {
      env,
      stdio: ["ignore", "pipe", "inherit"],
    });
    const exited = once(child, "exit");
    let last = "";
    for await (const line of createInterface({ input: child.stdout })) {
      if (line === "STOP") child.kill("SIGKILL");
      else last = line;
    }
    const [code] = (await exited) as [number | null];
    stages.push(last);
    const opened = await openMirror(ctx, mirror);
    const count = Object.keys(opened.manifest.prefixes).length;
    expect([0, 2], `after a kill at ${last}`).toContain(count);
    if (count === 0) expect(await git(mirror, ["rev-parse", "HEAD"])).toBe(before);
    expect(await git(mirror, ["status", "--porcelain"])).toBe("");
    finished = code === 0 || count === 2;
  }
  expect(stages).toContain("vendor.import start");
  expect(stages).toContain("vendor.checkout start");
  await updatePrefixes(ctx, mirror, [], options);
  expect((await verifyMirror(ctx, await openMirror(ctx, mirror))).problems).toEqual([]);
});
