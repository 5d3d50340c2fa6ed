import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { stringify } from "yaml";
import { git, makeRepository, personalGit } from "../support/git-repository.ts";
import { startRegistry, type TestRegistry } from "../support/registry.ts";
import {
  deriveRelease,
  makeMachine,
  makeReleases,
  publicKey,
  unpackFlow,
  zx,
  type Machine,
  type Releases,
} from "../support/self-update.ts";
import { packageTarball } from "../support/tarball.ts";

let machine: Machine & AsyncDisposable;
let releases: Releases;
let launcher: string;
/** 1.2.0-rc.1 and 1.2.0, signed by the next key alone. */
let later: { candidate: string; final: string };

beforeAll(async () => {
  machine = await makeMachine("flow sources ü");
  releases = await makeReleases(machine);
  launcher = await unpackFlow(join(machine.dir, "release"), releases.tarballs["1.0.0"]);
  const successor = { from: releases.tarballs["1.1.0"], keyFile: releases.nextKey };
  later = {
    candidate: await deriveRelease(machine.dir, { ...successor, version: "1.2.0-rc.1" }),
    final: await deriveRelease(machine.dir, { ...successor, version: "1.2.0" }),
  };
});

afterAll(() => machine[Symbol.asyncDispose]());

/** A workspace without any flow yet, whose mirror holds the zx that flow 1.0.0 was tested with. */
async function makeWorkspace(name: string, registry: TestRegistry) {
  const home = join(machine.dir, name);
  for (const version of [zx.first, zx.second]) registry.publish(packZx(version));
  const define = async (update: object) => {
    const definition = {
      organization: "acme",
      module: "example.com/acme",
      mirror: { url: "./mirror.git" },
      tools: { zx: { npm: "zx" } },
      update,
    };
    await writeFile(join(home, "flow.yaml"), stringify(definition));
  };
  await mkdir(home, { recursive: true });
  const keys = [await publicKey(releases.key)];
  await define({ keys });
  const env = registry.env;
  const place = [join(home, "src/example.com/acme/vendor"), "--remote", join(home, "mirror.git")];
  await machine.ok([launcher, "vendor", "init", ...place], { cwd: home, env });
  await machine.ok([launcher, "vendor", "add", `npm:zx@${zx.first}`], { cwd: home, env });
  await machine.ok([launcher, "vendor", "push"], { cwd: home, env });
  return {
    home,
    define,
    keys,
    update: (args: readonly string[], more: Record<string, string> = {}) =>
      machine.run([launcher, "self-update", ...args], { cwd: home, env: { ...env, ...more } }),
    check: async (...args: string[]) => {
      const options = { cwd: home, env };
      const stdout = await machine.ok([launcher, "self-update", "--check", "--json", ...args], options);
      return JSON.parse(stdout) as { current: string | null; available: string; newer: boolean };
    },
    inUse: async () => ({
      flow: await machine.ok([join(home, "bin/flow"), "--version"]),
      zx: await machine.ok([join(home, "bin/zx"), "--version"]),
    }),
  };
}

function packZx(version: string) {
  const manifest = { name: "zx", version, license: "MIT", bin: { zx: "zx.js" } };
  const program = `#!/usr/bin/env node\nconsole.log("${version}");\n`;
  return { ...manifest, tarball: packageTarball(manifest, { "zx.js": program }) };
}

async function published(version: string, path: string) {
  return { name: "goflow", version, tarball: await readFile(path) };
}

test("releases come out of the team's registry, with the tools that they were tested with, by channel, and by key after key", async () => {
  const registry = await startRegistry();
  const { home, define, keys, update, check, inUse } = await makeWorkspace("by registry", registry);
  await define({ registry: registry.url, keys });
  expect(await update(["--to", "1.0.0"])).toMatchObject({
    exitCode: 2,
    stderr: expect.stringContaining("hint: publish a release there"),
  });
  registry.publish(
    await published("1.0.0", releases.tarballs["1.0.0"]),
    await published("1.1.0", releases.tarballs["1.1.0"]),
    await published("1.2.0-rc.1", later.candidate),
  );
  const begun = await update(["--to", "1.0.0"]);
  expect(begun, begun.stderr).toMatchObject({ exitCode: 0 });
  expect(await inUse()).toEqual({ flow: "1.0.0", zx: zx.first });

  // From here on the keys are those that each release brings: 1.0.0 knows nothing of the next one.
  await define({ registry: registry.url });
  expect(await check()).toMatchObject({ current: "1.0.0", available: "1.1.0", newer: true });
  expect(await check("--channel", "next")).toMatchObject({ available: "1.2.0-rc.1", newer: true });
  expect(await update(["--channel", "next"])).toMatchObject({
    exitCode: 1,
    stderr: expect.stringContaining("signed by an unknown key"),
  });
  expect(await inUse()).toEqual({ flow: "1.0.0", zx: zx.first });

  const updated = await update([]);
  expect(updated, updated.stderr).toMatchObject({ exitCode: 0 });
  expect(await inUse()).toEqual({ flow: "1.1.0", zx: zx.second });
  const closed = { npm_config_registry: "http://127.0.0.1:9/" };
  expect(await update(["--rollback"], closed)).toMatchObject({ exitCode: 0 });
  expect(await inUse()).toEqual({ flow: "1.0.0", zx: zx.first });

  expect(await update([])).toMatchObject({ exitCode: 0 });
  await define({ registry: registry.url, channel: "next" });
  expect(await update([])).toMatchObject({ exitCode: 0 });
  expect(await inUse()).toEqual({ flow: "1.2.0-rc.1", zx: zx.second });
  // A pre-release gives way to what it was one of, in either channel.
  registry.publish(await published("1.2.0", later.final));
  await define({ registry: registry.url });
  expect(await check()).toMatchObject({ current: "1.2.0-rc.1", available: "1.2.0", newer: true });

  registry.hang("goflow");
  const silent = await update([], { FLOW_NETWORK_TIMEOUT: "1" });
  expect(silent).toMatchObject({
    stdout: "",
    stderr: expect.stringContaining("the registry of releases is out of reach"),
  });
  expect(await inUse()).toEqual({ flow: "1.2.0-rc.1", zx: zx.second });
  expect(await git(join(home, "src/example.com/acme/vendor"), ["status", "--porcelain"])).toBe("");
});

test("releases come out of a git repository by their tags, whatever the person's git is set to", async () => {
  const registry = await startRegistry();
  const { home, define, keys, update, check, inUse } = await makeWorkspace("by git", registry);
  const source = join(machine.dir, "releases.git");
  await makeRepository(source);
  const tag = async (version: string, tarball: string) => {
    await unpackFlow(source, tarball);
    await git(source, ["add", "--all", "--force"]);
    await git(source, ["commit", "--quiet", "--allow-empty", "--message", `Release ${version}`]);
    await git(source, ["tag", `v${version}`]);
    await git(source, ["rm", "-r", "--quiet", "."]);
  };
  await tag("1.0.0", releases.tarballs["1.0.0"]);
  await tag("1.1.0", releases.tarballs["1.1.0"]);
  await define({ git: source, keys });
  const hostile = join(machine.dir, "gitconfig");
  await writeFile(hostile, "[core]\n\tautocrlf = true\n\teol = crlf\n");
  const person = {
    ...personalGit,
    PATH: machine.env.PATH ?? "",
    HOME: machine.env.HOME ?? "",
    GIT_CONFIG_GLOBAL: hostile,
  };
  for (const [to, tested] of [
    ["1.0.0", zx.first],
    ["1.1.0", zx.second],
  ] as const) {
    const result = await update(to === "1.0.0" ? ["--to", to] : [], person);
    expect(result, result.stderr).toMatchObject({ exitCode: 0 });
    expect(await inUse()).toEqual({ flow: to, zx: tested });
  }
  expect(await check()).toMatchObject({ current: "1.1.0", available: "1.1.0", newer: false });

  await tag("1.3.0", releases.tarballs["1.1.0"]);
  expect(await update([])).toMatchObject({
    exitCode: 1,
    stderr: expect.stringContaining("what is called flow 1.3.0 is 1.1.0"),
  });
  await rename(source, `${source}.away`);
  expect(await update([])).toMatchObject({ exitCode: 5, stderr: expect.stringContaining("update: { git: … }") });
  expect(await update(["--rollback"])).toMatchObject({ exitCode: 0 });
  expect(await inUse()).toEqual({ flow: "1.0.0", zx: zx.first });
  expect(await git(join(home, "src/example.com/acme/vendor"), ["status", "--porcelain"])).toBe("");
});
