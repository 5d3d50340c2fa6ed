import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readFile, readdir, symlink, writeFile } from "node:fs/promises";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { execa } from "execa";
import { describe, expect, onTestFinished, test } from "vitest";
import { flow } from "../support/flow.ts";
import { startRegistry } from "../support/registry.ts";
import { tarball } from "../support/tarball.ts";
import { tempDirectory } from "../support/temp.ts";

const nowhere = { npm_config_registry: "http://127.0.0.1:1/" };

interface TestWorkspace {
  home: string;
  /** Where the mirror is to be; `flow vendor init` makes it. */
  mirror: string;
  flow(args: readonly string[], env?: Record<string, string>): ReturnType<typeof flow>;
}

/** A workspace whose flow.yaml pins `tools`. */
async function makeWorkspace(tools: string): Promise<TestWorkspace> {
  const home = await tempDirectory("flow tools");
  await writeFile(
    join(home, "flow.yaml"),
    `organization: acme\nmodule: example.com/acme\nmirror: { url: ./mirror.git }\ntools:\n${tools}\n`,
  );
  const mirror = join(home, "src/example.com/acme/vendor");
  // The workspace's Node, which bootstrap would have brought.
  await mkdir(join(home, "bin"));
  await symlink(process.execPath, join(home, "bin/node"));
  const run: TestWorkspace["flow"] = (args, env = {}) =>
    flow(args, { cwd: home, env: { FLOW_NETWORK_TIMEOUT: "1", ...env } });
  return { home, mirror, flow: run };
}

/** Everything of tools that is there; the generation that they would stand in is none of them. */
async function installed({ home }: TestWorkspace): Promise<string[]> {
  const below = async (dir: string) =>
    (await readdir(join(home, dir), { recursive: true, withFileTypes: true }).catch(() => []))
      .filter((entry) => !entry.isDirectory() && entry.name !== "node")
      .map((entry) => join(entry.parentPath, entry.name).slice(home.length + 1));
  const found = [...(await below("pkg")), ...(await below("bin"))].sort();
  return found.filter((path) => path !== "pkg/current" && !path.endsWith("/generation.json"));
}

describe("a tool of the mirror", () => {
  const program = "#!/usr/bin/env node\nconsole.log(require('half'), process.argv.slice(2).join());\n";

  async function withTool(): Promise<TestWorkspace> {
    const registry = await startRegistry();
    registry.publish(
      { name: "half", version: "2.0.0", files: { "index.js": "module.exports = 21;" } },
      { name: "greet", version: "1.2.3", dependencies: { half: "^2.0.0" }, files: { "cli.js": program } },
    );
    const manifest = { name: "greet", version: "1.2.3", dependencies: { half: "^2.0.0" }, bin: { greet: "cli.js" } };
    const files = [
      { path: "package/package.json", content: JSON.stringify(manifest) },
      { path: "package/cli.js", content: program, mode: 0o755 },
    ];
    registry.publish({ ...manifest, tarball: tarball(files) });
    const workspace = await makeWorkspace("  greet: { npm: greet }");
    expect(await workspace.flow(["vendor", "init", workspace.mirror])).toMatchObject({ exitCode: 0 });
    expect(await workspace.flow(["vendor", "add", "npm:greet"], registry.env)).toMatchObject({ exitCode: 0 });
    return workspace;
  }

  test("installs with what it needs and runs without any network; the second time nothing is left to do", async () => {
    const workspace = await withTool();
    expect(await workspace.flow(["tool", "install"], nowhere)).toMatchObject({
      exitCode: 0,
      stdout: "greet 1.2.3 (mirror)",
    });
    const { stdout } = await execa(join(workspace.home, "bin/greet"), ["a", "b"], { cwd: "/" });
    expect(stdout).toBe("21 a,b");
    expect(await workspace.flow(["tool", "install"], nowhere)).toMatchObject({
      exitCode: 0,
      stdout: "greet 1.2.3 (mirror), installed already",
    });
    const list = await workspace.flow(["tool", "list", "--json"], nowhere);
    expect(JSON.parse(list.stdout).tools).toMatchObject([{ name: "greet", state: "installed", installed: "1.2.3" }]);
  });

  test("that was taken out of the mirror can no longer be installed, and what was there stays usable", async () => {
    const workspace = await withTool();
    await workspace.flow(["tool", "install"], nowhere);
    const before = await installed(workspace);
    expect(await workspace.flow(["vendor", "remove", "greet", "--yes"], nowhere)).toMatchObject({ exitCode: 0 });
    const refused = await workspace.flow(["tool", "install"], nowhere);
    expect(refused).toMatchObject({ exitCode: 5, stdout: "" });
    expect(refused.stderr).toMatch(/the mirror holds no greet[^]*\nhint: .*flow vendor add npm:greet/);
    expect(await installed(workspace)).toEqual(before);
  });

  test("is never taken from the dependencies of flow's own checkout", async () => {
    const workspace = await makeWorkspace('  buf: { npm: "@bufbuild/buf" }');
    expect(await workspace.flow(["vendor", "init", workspace.mirror])).toMatchObject({ exitCode: 0 });
    expect(await workspace.flow(["tool", "install"])).toMatchObject({
      exitCode: 5,
      stderr: expect.stringContaining("the mirror holds no @bufbuild/buf"),
    });
    expect(await installed(workspace)).toEqual([]);
  });

  test("whose name is wrong gets the nearest one", async () => {
    const workspace = await makeWorkspace('  buf: { npm: "@bufbuild/buf" }');
    expect(await workspace.flow(["tool", "install", "buff"])).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining('did you mean "buf"?'),
    });
  });
});

describe("a tool of a release archive", () => {
  const archive = tarball([{ path: "hello", content: "#!/bin/sh\necho hello 1.0.0\n", mode: 0o755 }]);
  const half = archive.subarray(0, archive.length / 2);
  const sum = createHash("sha256").update(archive).digest("hex");
  const [os, cpu] = [process.platform, process.arch === "x64" ? "amd64" : process.arch];
  const sums = `${sum}  hello_1.0.0_${os}_${cpu}.tar.gz\n`;

  /** A host of releases; `archive` and `sums` answer for the two files. */
  async function serve(answers: { archive?: RequestListener; sums?: RequestListener }): Promise<string> {
    const send =
      (data: string | Buffer): RequestListener =>
      (_request, response) =>
        response.end(data);
    const server = createServer((request, response) => {
      const isSums = request.url?.endsWith("SHA256SUMS") === true;
      const answer = isSums ? (answers.sums ?? send(sums)) : (answers.archive ?? send(archive));
      answer(request, response);
    }).listen(0, "127.0.0.1");
    await new Promise((resolve) => server.once("listening", resolve));
    onTestFinished(() => {
      server.closeAllConnections();
      server.close();
    });
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  const tool = (url: string) =>
    `  hello:\n    version: 1.0.0\n    release: { url: "${url}/hello_{version}_{os}_{arch}.tar.gz", sums: "${url}/SHA256SUMS" }`;

  test("is checked, locked for every platform of the list, and needs no host from then on", async () => {
    const workspace = await makeWorkspace(tool(await serve({})));
    const first = await workspace.flow(["tool", "install"]);
    expect(first, first.stderr).toMatchObject({ exitCode: 0, stdout: "hello 1.0.0 (release)" });
    expect((await execa(join(workspace.home, "bin/hello"))).stdout).toBe("hello 1.0.0");
    expect(JSON.parse(await readFile(join(workspace.home, "tools-lock.json"), "utf8"))).toEqual({
      hello: { version: "1.0.0", sha256: { [`${os}-${process.arch}`]: sum } },
    });
    await replaceHost(workspace, "http://127.0.0.1:1");
    expect(await workspace.flow(["tool", "install"])).toMatchObject({
      exitCode: 0,
      stdout: "hello 1.0.0 (release), installed already",
    });
  });

  async function replaceHost({ home }: TestWorkspace, url: string): Promise<void> {
    const path = join(home, "flow.yaml");
    await writeFile(path, (await readFile(path, "utf8")).replaceAll(/http:\/\/127\.0\.0\.1:\d+/g, url));
  }

  test.each<[string, Parameters<typeof serve>[0], number, RegExp]>([
    ["an archive with other bytes", { archive: (_, r) => r.end(`${archive}x`) }, 1, /its sha256 is [^]*\nhint: /],
    [
      "half an archive",
      {
        archive: (_, r) => {
          r.setHeader("content-length", archive.length);
          r.write(half, () => r.destroy());
        },
      },
      5,
      /hello_1\.0\.0[^]*\nhint: /,
    ],
    ["a host that accepts and hangs", { archive: () => {} }, 124, /no answer for 1 s[^]*\nhint: /],
    ["a host without the archive", { archive: (_, r) => r.writeHead(404).end() }, 5, /answered 404/],
    ["a list of sums that hangs", { sums: () => {} }, 124, /no answer for 1 s[^]*\nhint: /],
    ["a list of sums without this archive", { sums: (_, r) => r.end("") }, 1, /lists no hello_1\.0\.0[^]*\nhint: /],
    [
      "an archive without the program",
      {
        archive: (_, r) => r.end(other),
        sums: (_, r) => r.end(sums.replace(sum, createHash("sha256").update(other).digest("hex"))),
      },
      1,
      /holds no hello/,
    ],
  ])("%s is refused, leaves nothing, and the next try goes on", async (_name, answers, exitCode, message) => {
    const workspace = await makeWorkspace(tool(await serve(answers)));
    const refused = await workspace.flow(["tool", "install"]);
    expect(refused, refused.stderr).toMatchObject({ exitCode, stdout: "" });
    expect(refused.stderr).toMatch(message);
    expect(await installed(workspace)).toEqual([]);
    expect(existsSync(join(workspace.home, "tools-lock.json"))).toBe(false);
    await replaceHost(workspace, await serve({}));
    expect(await workspace.flow(["tool", "install"])).toMatchObject({ exitCode: 0 });
  });

  const other = tarball([{ path: "goodbye", content: "#!/bin/sh\n", mode: 0o755 }]);

  test("no network at all is said with a way out", async () => {
    const workspace = await makeWorkspace(tool("http://127.0.0.1:1"));
    const refused = await workspace.flow(["tool", "install", "--json"]);
    expect(refused).toMatchObject({ exitCode: 5, stdout: "" });
    const { error } = JSON.parse(refused.stderr.split("\n").at(-1) as string);
    expect(error).toMatchObject({ code: "FLOW_HTTP_FAILED", hint: expect.stringContaining("check the network") });
    expect(await installed(workspace)).toEqual([]);
  });

  test("an archive that the lock knows otherwise is refused, whatever its host publishes now", async () => {
    const workspace = await makeWorkspace(tool(await serve({})));
    const lock = { hello: { version: "1.0.0", sha256: { [`${os}-${process.arch}`]: "0".repeat(64) } } };
    await writeFile(join(workspace.home, "tools-lock.json"), JSON.stringify(lock));
    const refused = await workspace.flow(["tool", "install"]);
    expect(refused).toMatchObject({ exitCode: 1, stdout: "", stderr: expect.stringContaining("0".repeat(64)) });
    expect(await installed(workspace)).toEqual([]);
    expect(JSON.parse(await readFile(join(workspace.home, "tools-lock.json"), "utf8"))).toEqual(lock);
  });
});
