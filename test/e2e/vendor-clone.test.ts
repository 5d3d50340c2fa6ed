import { execa } from "execa";
import { existsSync } from "node:fs";
import { mkdtemp, readdir, readFile, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { makeBigMirror, type BigMirror } from "../../scripts/big-mirror/make.ts";
import {
  abortUpdate,
  addSources,
  bringNamed,
  cloneMirror,
  completeMirror,
  describeClone,
  diffPrefixes,
  exportPatches,
  initMirror,
  mirrorStatus,
  neededDirectories,
  openMirror,
  pushMirror,
  rebuildMirror,
  removePrefixes,
  syncMirror,
  updatePrefixes,
  verifyMirror,
} from "../../src/vendoring/index.ts";
import { warnOfMissingPackages } from "../../src/runner/missing-packages.ts";
import { testContext } from "../support/context.ts";
import { cuttingProxy, dumbHttp, gitDaemon, smartHttp } from "../support/git-servers.ts";
import { commitFiles, git, makeRepository, personalGit, writeFiles } from "../support/git-repository.ts";
import { startRegistry } from "../support/registry.ts";
import { tempDirectory } from "../support/temp.ts";

let root: string;
let big: BigMirror;

beforeAll(async () => {
  root = await realpath(await mkdtemp(join(tmpdir(), "flow-mirrors-")));
  big = await makeBigMirror(join(root, "mirror.git"), { objects: 4_000, megabytes: 6 });
  return () => rm(root, { recursive: true, force: true, maxRetries: 3 });
});

/** A machine of its own with an empty place for a clone. */
async function machine() {
  const dir = await tempDirectory("flow clone ü");
  const ctx = testContext(dir, { env: { ...personalGit, HOME: dir, FLOW_NETWORK_TIMEOUT: "60" } });
  const cone = (held: Parameters<typeof neededDirectories>[0]) => neededDirectories(held, { packages: big.wanted });
  const warnings = () =>
    ctx.events.flatMap((event) => (event.type === "message" && event.level === "warn" ? [event.text] : []));
  return { dir, ctx, cone, warnings, target: join(dir, "vendor") };
}

/** A copy of the mirror that a test may change. */
async function ownRemote(): Promise<{ served: string; remote: string }> {
  const served = await tempDirectory("flow served");
  const remote = join(served, "mirror.git");
  await execa("cp", ["-r", big.dir, remote]);
  return { served, remote };
}

async function objectsIn(dir: string): Promise<number> {
  const listed = await git(dir, ["cat-file", "--batch-all-objects", "--batch-check=x"]);
  return listed.split("\n").length;
}

describe.each([
  ["git daemon", gitDaemon],
  ["smart HTTP", (served: string) => smartHttp(served)],
])("over %s", (_, serve) => {
  test("a mirror is cloned without history and without what is not needed, and works offline afterwards", async () => {
    const { ctx, cone, target, warnings } = await machine();
    {
      await using server = await serve(root);
      await cloneMirror(ctx, { dir: target, url: server.url("mirror.git"), cone });
    }
    const mirror = await openMirror(ctx, target);
    expect(warnings()).toEqual([]);
    expect(await describeClone(ctx, mirror)).toEqual({ shallow: true, partial: true, sparse: true });
    const before = await objectsIn(target);
    expect(before).toBeLessThan(big.objects / 2);
    const statuses = await mirrorStatus(ctx, mirror);
    expect(statuses).toHaveLength(big.prefixes);
    const here = statuses.filter(({ inWorkTree }) => inWorkTree).map(({ prefix }) => prefix);
    expect(here).toEqual(expect.arrayContaining(big.wanted.map((name) => `node_modules/${name}`)));
    expect(here.length).toBeLessThan(big.prefixes / 2);
    for (const { prefix, inWorkTree } of statuses) expect(existsSync(join(target, prefix)), prefix).toBe(inWorkTree);
    const verified = await verifyMirror(ctx, mirror);
    expect(verified.problems).toEqual([]);
    expect(verified.unchecked).toHaveLength(big.prefixes - here.length);

    const [prefix = ""] = here;
    await commitFiles(target, { [`${prefix}/package.json`]: "{}\n" }, "Patch");
    const [diff] = await diffPrefixes(ctx, target, { names: [prefix] });
    expect(diff?.diff).toContain("+{}");
    expect((await exportPatches(ctx, target, { name: prefix })).patches).toHaveLength(1);
    await diffPrefixes(ctx, target, { names: [] });
    await expect(rebuildMirror(ctx, target)).rejects.toMatchObject({ code: "FLOW_VENDOR_SHALLOW" });
    await commitFiles(target, { [`${prefix}/ours.txt`]: "ours\n" });
    expect((await mirrorStatus(ctx, await openMirror(ctx, target))).find((item) => item.prefix === prefix)?.state).toBe(
      "patched",
    );
    expect(await git(target, ["status", "--porcelain"])).toBe("");
    await git(target, ["fsck", "--connectivity-only"]);
  });
});

test("a whole clone has all history and every file, and costs one fetch", async () => {
  const { ctx, target } = await machine();
  await using server = await gitDaemon(root);
  await cloneMirror(ctx, { dir: target, url: server.url("mirror.git") });
  expect(await describeClone(ctx, await openMirror(ctx, target))).toEqual({
    shallow: false,
    partial: false,
    sparse: false,
  });
  expect(await objectsIn(target)).toBe(big.objects);
  expect(await git(target, ["status", "--porcelain"])).toBe("");
  expect(await git(target, ["rev-parse", "--abbrev-ref", "@{upstream}"])).toBe("origin/main");
});

describe("a server that gives more than it is asked for", () => {
  test("because it takes no filters: all files come, and the person is told", async () => {
    const { ctx, cone, target, warnings } = await machine();
    const { served, remote } = await ownRemote();
    await git(remote, ["config", "uploadpack.allowFilter", "false"]);
    await using server = await gitDaemon(served);
    await cloneMirror(ctx, { dir: target, url: server.url("mirror.git"), cone });
    expect(warnings()).toEqual([expect.stringContaining("leaves no files out")]);
    expect(await describeClone(ctx, await openMirror(ctx, target))).toEqual({
      shallow: true,
      partial: false,
      sparse: true,
    });
  });

  test("because it refuses this filter", async () => {
    const { ctx, cone, target, warnings } = await machine();
    const { served, remote } = await ownRemote();
    await git(remote, ["config", "uploadpackfilter.blob:none.allow", "false"]);
    await using server = await gitDaemon(served);
    await cloneMirror(ctx, { dir: target, url: server.url("mirror.git"), cone });
    expect(warnings()).toEqual([expect.stringContaining("leaves no files out")]);
    await git(target, ["fsck"]);
  });

  test("because it hands out nothing that no reference names", async () => {
    const { ctx, cone, target, warnings } = await machine();
    const { served, remote } = await ownRemote();
    await git(remote, ["config", "uploadpack.allowAnySHA1InWant", "false"]);
    await using server = await smartHttp(served, { protocol: 0 });
    await cloneMirror(ctx, { dir: target, url: server.url("mirror.git"), cone });
    expect(warnings()).toEqual([expect.stringContaining("leaves no files out")]);
    const mirror = await openMirror(ctx, target);
    expect(await describeClone(ctx, mirror)).toEqual({ shallow: true, partial: false, sparse: true });
    expect((await verifyMirror(ctx, mirror)).problems).toEqual([]);
    await git(target, ["fsck"]);
  });

  test("because it serves files and no protocol: history comes too, and the work tree is sparse all the same", async () => {
    const { ctx, cone, target, warnings } = await machine();
    const { served, remote } = await ownRemote();
    await git(remote, ["update-server-info"]);
    await using server = await dumbHttp(served);
    await cloneMirror(ctx, { dir: target, url: server.url("mirror.git"), cone });
    expect(warnings()).toEqual([expect.stringContaining("leaves neither history nor files out")]);
    const mirror = await openMirror(ctx, target);
    expect(await describeClone(ctx, mirror)).toEqual({ shallow: false, partial: false, sparse: true });
    expect((await verifyMirror(ctx, mirror)).problems).toEqual([]);
  });

  test("because it is this machine: hard links cost nothing", async () => {
    const { ctx, cone, target, warnings } = await machine();
    await cloneMirror(ctx, { dir: target, url: big.dir, cone });
    expect(warnings()).toEqual([]);
    expect(await describeClone(ctx, await openMirror(ctx, target))).toEqual({
      shallow: false,
      partial: false,
      sparse: true,
    });
    expect((await mirrorStatus(ctx, await openMirror(ctx, target))).some(({ inWorkTree }) => !inWorkTree)).toBe(true);
  });
});

describe("a connection that is cut", () => {
  test.each(["lean", "whole"])(
    "leaves no half clone, and the next run of a %s one goes on with what arrived",
    async (kind) => {
      const { dir, ctx, cone, target } = await machine();
      await using server = await gitDaemon(root);
      await using proxy = await cuttingProxy(server.port);
      const options = {
        dir: target,
        url: `git://127.0.0.1:${proxy.port}/mirror.git`,
        ...(kind === "lean" ? { cone } : {}),
      };
      const undisturbed = { ...options, dir: join(dir, "undisturbed") };
      await cloneMirror(ctx, undisturbed);
      const all = proxy.received;
      let [cuts, wasted] = [0, 0];
      // Each run may get further by some bytes more than what a single request brings.
      for (let limit = all * 0.6; !existsSync(target); limit += all * 0.2) {
        [proxy.received, proxy.cutAfter] = [0, limit];
        await cloneMirror(ctx, options).then(
          () => (wasted = proxy.received),
          (error: unknown) => {
            cuts++;
            expect(error).toMatchObject({ code: "FLOW_VENDOR_FETCH", hint: expect.stringContaining("to go on") });
            expect(existsSync(target)).toBe(false);
          },
        );
      }
      expect(cuts).toBeGreaterThan(0);
      if (kind === "lean") expect(wasted).toBeLessThan(all);
      expect((await readdir(dir)).filter((name) => name.startsWith("."))).toEqual([]);
      for (const place of [target, undisturbed.dir]) {
        await git(place, ["fsck"]);
        expect(await git(place, ["status", "--porcelain"])).toBe("");
      }
      expect(await describeClone(ctx, await openMirror(ctx, target))).toEqual(
        await describeClone(ctx, await openMirror(ctx, undisturbed.dir)),
      );
      expect(await git(target, ["ls-files", "-t"])).toBe(await git(undisturbed.dir, ["ls-files", "-t"]));
    },
  );
});

describe("a second clone on the machine", () => {
  test.each(["lean", "whole"])(
    "takes from a %s first one what is there, and misses nothing when that one is gone",
    async (kind) => {
      const { dir, ctx, cone, target } = await machine();
      const store = join(dir, "store");
      await using server = await gitDaemon(root);
      await using proxy = await cuttingProxy(server.port);
      const options = { url: `git://127.0.0.1:${proxy.port}/mirror.git`, store, ...(kind === "lean" ? { cone } : {}) };
      await cloneMirror(ctx, { ...options, dir: join(dir, "first") });
      const first = proxy.received;
      proxy.received = 0;
      await cloneMirror(ctx, { ...options, dir: target });
      expect(proxy.received).toBeLessThan(first / 5);

      // Repacked and deleted, the first one takes nothing along; the store neither.
      await git(join(dir, "first"), ["gc", "--quiet", "--prune=now"]);
      await rm(join(dir, "first"), { recursive: true });
      await rm(store, { recursive: true });
      await git(target, ["fsck"]);
      expect(await git(target, ["status", "--porcelain"])).toBe("");
      expect((await verifyMirror(ctx, await openMirror(ctx, target))).problems).toEqual([]);
      expect(existsSync(join(target, ".git/objects/info/alternates"))).toBe(false);
    },
  );
});

test("a lean clone adds, updates, removes, pushes and syncs, and takes in what that needs", async () => {
  const { dir, ctx, cone } = await machine();
  const registry = await startRegistry();
  Object.assign(ctx.env, registry.env);
  const version = (number: string, text: string) => ({ version: number, files: { "index.js": text } });
  registry.publish(
    { name: "left", ...version("1.0.0", "1") },
    { name: "middle", ...version("1.0.0", "1"), dependencies: { left: "^1.0.0" } },
    { name: "right", ...version("1.0.0", "1"), dependencies: { middle: "^1.0.0" } },
  );
  const upstream = join(dir, "upstream");
  await makeRepository(upstream, { "a.txt": "1\n2\n3\n4\n5\n" });
  const options = { cache: join(dir, "cache") };
  const remote = join(dir, "mirror.git");
  const whole = (await initMirror(ctx, { dir: join(dir, "whole"), remote })).dir;
  await addSources(ctx, whole, ["npm:left", "npm:middle"], options);
  await addSources(ctx, whole, [`${upstream}@main`], { ...options, prefix: "lib" });
  await commitFiles(whole, { "lib/ours.txt": "ours\n" }, "Patch");
  await pushMirror(ctx, whole);
  await using server = await gitDaemon(dir);
  const lean = join(dir, "lean");
  await cloneMirror(ctx, { dir: lean, url: server.url("mirror.git"), cone });
  const there = (path: string) => existsSync(join(lean, path));
  expect([there("lib"), there("node_modules/left")]).toEqual([false, false]);

  // What a new package needs comes along, wherever it was.
  expect((await addSources(ctx, lean, ["npm:right"], options)).added).toHaveLength(1);
  expect(["right", "middle", "left"].map((name) => there(`node_modules/${name}/index.js`))).toEqual([true, true, true]);
  expect(await git(lean, ["status", "--porcelain"])).toBe("");

  // An update of what is not checked out stays out of sight, unless a person has to look at it.
  await commitFiles(upstream, { "a.txt": "one\n2\n3\n4\n5\n" });
  await updatePrefixes(ctx, lean, ["lib"], options);
  expect(there("lib")).toBe(false);
  expect(await git(lean, ["show", "HEAD:lib/a.txt"])).toContain("one");
  await commitFiles(upstream, { "ours.txt": "theirs\n" });
  await expect(updatePrefixes(ctx, lean, ["lib"], options)).rejects.toMatchObject({ code: "FLOW_VENDOR_CONFLICT" });
  expect(await readFile(join(lean, "lib/ours.txt"), "utf8")).toContain("<<<<<<<");
  await abortUpdate(ctx, lean);
  expect(await readFile(join(lean, "lib/ours.txt"), "utf8")).toBe("ours\n");

  await removePrefixes(ctx, lean, ["right"], options);
  expect(there("node_modules/right")).toBe(false);
  await commitFiles(whole, { "lib/b.txt": "b\n" });
  await pushMirror(ctx, whole);
  await pushMirror(ctx, lean);
  await syncMirror(ctx, whole);
  expect(await git(whole, ["rev-parse", "HEAD"])).toBe(await git(lean, ["rev-parse", "HEAD"]));
  expect(await readFile(join(whole, "lib/a.txt"), "utf8")).toContain("one");
  await syncMirror(ctx, lean);
  expect(await git(lean, ["status", "--porcelain"])).toBe("");
  for (const place of [whole, lean]) {
    expect((await verifyMirror(ctx, await openMirror(ctx, place))).problems).toEqual([]);
    await git(place, ["fsck"]);
  }

  await completeMirror(ctx, await openMirror(ctx, lean));
  expect(await describeClone(ctx, await openMirror(ctx, lean))).toEqual({
    shallow: false,
    partial: false,
    sparse: false,
  });
  expect(there("lib/b.txt")).toBe(true);
  await git(lean, ["fsck"]);
});

test("a package is taken into a lean clone by name, and a SIGKILL on the way leaves no change", async () => {
  const { ctx, cone, target } = await machine();
  await using server = await gitDaemon(root);
  await cloneMirror(ctx, { dir: target, url: server.url("mirror.git"), cone });
  const mirror = await openMirror(ctx, target);
  const away = (await mirrorStatus(ctx, mirror)).filter(({ inWorkTree }) => !inWorkTree).map(({ prefix }) => prefix);
  const [first = "", second = ""] = away;
  await bringNamed(ctx, mirror, [first.replace("node_modules/", "")]);
  expect(existsSync(join(target, first, "package.json"))).toBe(true);

  // As a kill in the midst of writing leaves it: half a file, and the cone as it was.
  const mark = join(target, ".git/flow/widening");
  await bringNamed(ctx, mirror, [second]);
  const file = join(target, second, "package.json");
  const whole = await readFile(file, "utf8");
  await writeFile(file, whole.slice(0, 5));
  await writeFile(mark, `${second}\n`);
  const opened = await openMirror(ctx, target);
  expect(await readFile(file, "utf8")).toBe(whole);
  expect(existsSync(mark)).toBe(false);
  expect((await mirrorStatus(ctx, opened)).find(({ prefix }) => prefix === second)?.state).not.toBe("modified");
});

test("before services start, packages that Node will not find are told of, with the command that brings them", async () => {
  const { dir, ctx, cone, target, warnings } = await machine();
  await using server = await gitDaemon(root);
  const mirror = await cloneMirror(ctx, { dir: target, url: server.url("mirror.git"), cone });
  const away = (await mirrorStatus(ctx, mirror)).find(({ inWorkTree }) => !inWorkTree)?.prefix ?? "";
  const name = away.replace("node_modules/", "");
  const [here = ""] = big.wanted;
  await writeFiles(dir, {
    "shop/package.json": JSON.stringify({ dependencies: { [name]: "*", nowhere: "*", [here]: "*" } }),
  });
  const paths = { nodeModules: join(target, "node_modules"), mirror: target };
  const repository = { name: "shop", dir: join(dir, "shop") };
  await warnOfMissingPackages(ctx, { paths } as never, [repository, repository] as never);
  expect(warnings()).toEqual([
    expect.stringMatching(new RegExp(`^shop needs ${name}, .*flow vendor sync$`)),
    expect.stringContaining("flow vendor add npm:nowhere"),
  ]);
});
