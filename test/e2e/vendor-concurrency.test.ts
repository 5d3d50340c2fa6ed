import { existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import {
  addSources,
  cloneMirror,
  openMirror,
  pushMirror,
  syncMirror,
  verifyMirror,
} from "../../src/vendoring/index.ts";
import { flow } from "../support/flow.ts";
import { git } from "../support/git-repository.ts";
import { setUpMirror, type MirrorSetUp } from "../support/mirror.ts";

const names = Array.from({ length: 20 }, (_, index) => `q${String(index).padStart(2, "0")}`);

async function setUpPackages(): Promise<MirrorSetUp> {
  const setUp = await setUpMirror();
  setUp.registry.publish(...names.map((name) => ({ name, version: "1.0.0", files: { "index.js": name } })));
  return setUp;
}

/** Everything is there and sound, and no lock is left. */
async function expectAll(setUp: MirrorSetUp, dir: string): Promise<void> {
  const opened = await openMirror(setUp.ctx, dir);
  expect(Object.keys(opened.manifest.prefixes).sort()).toEqual(names.map((name) => `node_modules/${name}`));
  expect((await verifyMirror(setUp.ctx, opened)).problems).toEqual([]);
  const { dependencies } = JSON.parse(await git(dir, ["show", "HEAD:package.json"])) as { dependencies: object };
  expect(Object.keys(dependencies).sort()).toEqual(names);
  expect(await git(dir, ["status", "--porcelain"])).toBe("");
  expect(await git(dir, ["fsck", "--strict", "--no-dangling"])).toBe("");
  const left = (await readdir(join(dir, ".git"), { recursive: true })).filter((name) =>
    /(^|\/)lock|\.lock$/.test(name),
  );
  expect(left).toEqual([]);
}

test("20 adders at once in one workspace, each a process, all end in it", async () => {
  const setUp = await setUpPackages();
  const { env, mirror } = setUp;
  const runs = await Promise.all(names.map((name) => flow(["vendor", "add", `npm:${name}`], { cwd: mirror, env })));
  for (const { exitCode, stderr } of runs) expect(exitCode, stderr).toBe(0);
  expect(
    runs.filter(({ stderr }) => /waiting for process \d+, which is adding npm:q/.test(stderr)).length,
  ).toBeGreaterThan(0);
  await expectAll(setUp, mirror);
});

test("20 adders at once from as many clones all end in the remote", async () => {
  const setUp = await setUpPackages();
  const { dir, ctx, mirror, remote, options } = setUp;
  await pushMirror(ctx, mirror);
  await Promise.all(
    names.map(async (name) => {
      const clone = await cloneMirror(ctx, { dir: join(dir, name), url: remote });
      await addSources(ctx, clone.dir, [`npm:${name}`], options);
      await pushMirror(ctx, clone.dir);
    }),
  );
  await syncMirror(ctx, mirror);
  await expectAll(setUp, mirror);
  expect(await git(remote, ["fsck", "--strict", "--no-dangling"])).toBe("");
  expect(await git(remote, ["for-each-ref", "--format=%(refname)", "refs/heads", "refs/flow/pushing"])).toBe(
    "refs/heads/main",
  );
  expect(existsSync(join(mirror, ".git/MERGE_HEAD"))).toBe(false);
});
