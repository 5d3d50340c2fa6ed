import { lstat, mkdir, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { builtinModules } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseSync } from "oxc-parser";
import { beforeAll, describe, expect, test } from "vitest";
import { buildRelease } from "../../scripts/pack/build.ts";
import { commands } from "../../src/cli/commands/index.ts";
import { describeInstallation } from "../../src/core/installation.ts";
import { runReleased, unpackRelease, type UnpackedRelease } from "../support/release.ts";
import { tempDirectory } from "../support/temp.ts";

let release: UnpackedRelease;
let home: string;

beforeAll(async () => {
  const dir = await mkdtemp(join(tmpdir(), "flow-release-"));
  release = await unpackRelease(dir);
  home = join(dir, "home");
  await mkdir(home);
  return () => rm(dir, { recursive: true, force: true });
});

async function filesOf(dir: string): Promise<string[]> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

async function stamps(dir: string): Promise<string[]> {
  const files = await filesOf(dir);
  return await Promise.all(
    files.map(async (file) => {
      const { mtimeMs, size, mode } = await lstat(file);
      return `${file} ${mtimeMs} ${size} ${mode}`;
    }),
  );
}

describe("the packed command line, with nothing beside it", () => {
  test("tells its version", async () => {
    expect(await runReleased(release, ["--version"], home)).toMatchObject({ stdout: release.version, exitCode: 0 });
    const { stdout } = await runReleased(release, ["version", "--json"], home);
    expect(JSON.parse(stdout)).toMatchObject({ version: release.version, kind: "release", root: release.directory });
  });

  test("a changed checkout is another version", () => {
    expect(release.version).toMatch(/^\d+\.\d+\.\d+-dev\.[0-9a-f]{12}$/);
  });

  test.each(commands.map(({ name }) => name))("flow %s can be loaded and explains itself", async (name) => {
    const { stdout, stderr, exitCode } = await runReleased(release, [...name.split(" "), "--help"], home);
    expect({ stderr, exitCode }).toEqual({ stderr: "", exitCode: 0 });
    expect(stdout).toContain(`flow ${name}`);
  });

  test.each(["consul-agent", "edge", "protoc-gen-flow", "supervisor"] as const)(
    "holds the program %s where it is looked for",
    async (name) => {
      const [, file = ""] = describeInstallation(release.directory, process.execPath).entry(name);
      expect((await lstat(file)).isFile()).toBe(true);
    },
  );

  test("imports nothing but Node's own modules and its own files", async () => {
    const outside: string[] = [];
    for (const file of (await filesOf(join(release.directory, "dist/cli"))).filter((path) => path.endsWith(".js"))) {
      const { module, errors } = parseSync(file, await readFile(file, "utf8"));
      expect(errors).toEqual([]);
      const specifiers = module.staticImports.map(({ moduleRequest }) => moduleRequest.value);
      outside.push(...specifiers.filter((name) => !/^(?:\.|node:)/.test(name) && !builtinModules.includes(name)));
    }
    expect(outside).toEqual([]);
  });

  test("writes neither into its own package nor outside its cache", async () => {
    const before = await stamps(release.directory);
    await runReleased(release, ["doctor"], home);
    await runReleased(release, ["help"], home);
    expect(await stamps(release.directory)).toEqual(before);
    expect(await readdir(home)).toEqual([".cache"]);
    expect(await readdir(join(home, ".cache"))).toEqual(["flow"]);
  });
});

test("the same sources give the same bytes", async () => {
  const again = await buildRelease({ dist: await tempDirectory("flow-release-again") });
  expect(again).toMatchObject({ version: release.version, cached: false });
  expect((await readFile(again.tarball)).equals(await readFile(release.tarball))).toBe(true);
});
