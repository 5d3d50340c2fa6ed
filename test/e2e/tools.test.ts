import { execa } from "execa";
import { existsSync } from "node:fs";
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { thisPlatform } from "../../src/toolchain/platform.ts";
import { realConsul } from "../support/consul.ts";
import { flow } from "../support/flow.ts";
import { makeRepository } from "../support/git-repository.ts";
import { startGoProxy } from "../support/go-proxy.ts";
import { serve, sha256, toolWorkspace } from "../support/tool-workspace.ts";
import { zip } from "../support/zip.ts";

const arch = thisPlatform.endsWith("-x64") ? "amd64" : "arm64";
const programs: Record<string, { path: string | undefined; version: string }> = {
  consul: { path: realConsul(), version: "1.13.9" },
  "consul-template": { path: process.env.FLOW_TEST_CONSUL_TEMPLATE, version: "0.41.1" },
  grpcurl: { path: process.env.FLOW_TEST_GRPCURL, version: "1.9.4" },
};
const missing = Object.keys(programs).filter((name) => programs[name]?.path === undefined);
if (missing.length > 0 && process.env.CI === "true") throw new Error(`CI needs ${missing.join(", ")}`);

/** A site that offers a program as its makers do: a ZIP archive per platform and one list of sums. */
async function releaseSite(name: string, version: string, content: Uint8Array): Promise<string> {
  const file = `${name}_${version}_linux_${arch}.zip`;
  const archive = zip([{ name, content }]);
  const sums = `${sha256(archive)}  ${file}\n`;
  return await serve((request, response) => response.end(request.url === `/${file}` ? archive : sums));
}

test.skipIf(missing.length > 0).each(Object.keys(programs))(
  "flow tool install %s brings the real one out of its release archive, and then needs no network",
  async (name) => {
    const { path = "", version } = programs[name] as (typeof programs)[string];
    const url = await releaseSite(name, version, await readFile(path));
    const release = { url: `${url}/${name}_{version}_{os}_{arch}.zip`, sums: `${url}/SUMS` };
    const { home, bin } = await toolWorkspace({ [name]: { version, release } });
    expect(await flow(["tool", "install", name], { cwd: home })).toMatchObject({
      exitCode: 0,
      stdout: `${name} ${version} (release)`,
    });
    const said = await execa(join(bin, name), [name === "consul" ? "version" : "--version"], { all: true });
    // grpcurl tells its version only when its own makers built it.
    expect(said.all).toContain(name === "grpcurl" ? name : version);
    const closed = { HTTP_PROXY: "http://127.0.0.1:9", HTTPS_PROXY: "http://127.0.0.1:9" };
    await rm(join(home, "bin"), { recursive: true });
    expect(await flow(["tool", "install", "--json"], { cwd: home, env: closed })).toMatchObject({ exitCode: 0 });
    const { stdout } = await flow(["tool", "list", "--json"], { cwd: home, env: closed });
    expect(JSON.parse(stdout)).toMatchObject({ tools: [{ name, state: "installed", installed: version }] });
  },
);

test.skipIf(!hasGo())(
  "a Go tool is built from the module proxy at its exact version, and held to its sum from then on",
  async () => {
    const proxy = await startGoProxy();
    const source = (text: string) => ({ "main.go": `package main\n\nfunc main() { println("${text}") }\n` });
    const published = { path: "example.com/ant", version: "v1.0.0" };
    proxy.publish({ ...published, files: source("ant 1.0.0") });
    const { home, bin } = await toolWorkspace({ ant: { version: "1.0.0", go: "example.com/ant" } });
    await makeRepository(join(home, "src/example.com/acme/vendor"));
    const env = { ...proxy.env, GONOSUMDB: "*" };
    expect(await flow(["tool", "install"], { cwd: home, env })).toMatchObject({
      exitCode: 0,
      stdout: "ant 1.0.0 (go)",
    });
    expect((await execa(join(bin, "ant"))).stderr).toBe("ant 1.0.0");
    const lock = JSON.parse(await readFile(join(home, "tools-lock.json"), "utf8"));
    expect(lock).toEqual({ ant: { version: "1.0.0", go: expect.stringMatching(/^h1:/) } });

    // Elsewhere, where nothing of it is kept, the proxy gives another one under the same version.
    proxy.publish({ ...published, files: source("evil") });
    for (const dir of ["bin", "pkg"]) await execa("chmod", ["-R", "u+w", join(home, dir)]);
    for (const dir of ["bin", "pkg/tools", "pkg/cache/go/mod"]) await rm(join(home, dir), { recursive: true });
    expect(await flow(["tool", "install"], { cwd: home, env })).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining("FLOW_TOOL_HASH"),
    });
    await execa("chmod", ["-R", "u+w", join(home, "pkg")]);
  },
);

function hasGo(): boolean {
  return (process.env.PATH ?? "").split(":").some((dir) => existsSync(join(dir, "go")));
}

test("tools are removed only when that is confirmed, and garbage is told of before it goes", async () => {
  const url = await serve((_request, response) => response.end("#!/bin/sh\necho ant 1.0.0\n"));
  const hash = sha256(Buffer.from("#!/bin/sh\necho ant 1.0.0\n"));
  const release = { url: `${url}/ant`, sha256: { [thisPlatform]: hash } };
  const { home } = await toolWorkspace({ ant: { version: "1.0.0", release } });
  await flow(["tool", "install"], { cwd: home });
  expect(await flow(["tool", "remove", "ant"], { cwd: home })).toMatchObject({
    exitCode: 2,
    stderr: expect.stringContaining("--yes"),
  });
  expect((await flow(["tool", "which", "ant"], { cwd: home })).stdout).toBe(join(home, "bin/ant"));
  expect(await flow(["tool", "gc"], { cwd: home })).toMatchObject({ exitCode: 0, stdout: "Everything is in use." });
  expect(await flow(["tool", "remove", "ant", "--yes"], { cwd: home })).toMatchObject({ exitCode: 0 });
  expect(await flow(["tool", "which", "ant"], { cwd: home })).toMatchObject({ exitCode: 2 });
  expect(await flow(["tool", "update", "ant"], { cwd: home })).toMatchObject({ exitCode: 2 });
});
