import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { connect, type AddressInfo, type Socket } from "node:net";
import { existsSync } from "node:fs";
import { readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { describe, expect, onTestFinished, test } from "vitest";
import { installTools, listTools } from "../../../src/toolchain/index.ts";
import { thisPlatform } from "../../../src/toolchain/platform.ts";
import { packageTarball } from "../../support/tarball.ts";
import { program, serve, sha256, toolWorkspace } from "../../support/tool-workspace.ts";
import { zip } from "../../support/zip.ts";

const version = "1.2.3";
const arch = thisPlatform.endsWith("-x64") ? "amd64" : "arm64";
const archive = `hello_${version}_linux_${arch}.zip`;
const content = zip([
  { name: "LICENSE", content: "MIT" },
  { name: "hello", content: program("hello", version) },
]);

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

/** A release site: what it answers by path; the list of sums has every platform's archive unless it is told otherwise. */
async function releaseSite(answers: Record<string, Answer | string | Uint8Array> = {}) {
  const requests: string[] = [];
  const others = ["linux_amd64", "linux_arm64", "darwin_amd64", "darwin_arm64"].map(
    (platform) => `${"0".repeat(64)}  hello_${version}_${platform}.zip`,
  );
  const sums = others.map((line) => (line.endsWith(archive) ? `${sha256(content)}  ${archive}` : line)).join("\n");
  const site: Record<string, Answer | string | Uint8Array> = { "/SUMS": sums, [`/${archive}`]: content, ...answers };
  const url = await serve((request, response) => {
    const path = request.url ?? "";
    requests.push(path);
    const answer = site[path];
    if (typeof answer === "function") answer(request, response);
    else if (answer === undefined) response.writeHead(404).end();
    else response.end(answer);
  });
  return { url, requests, site };
}

const tool = (url: string) => ({
  hello: { version, release: { url: `${url}/hello_{version}_{os}_{arch}.zip`, sums: `${url}/SUMS` } },
});

async function leftOvers(home: string): Promise<string[]> {
  const tools = join(home, "pkg/tools/hello");
  return existsSync(tools) ? await readdir(tools) : [];
}

describe("a tool out of a release archive", () => {
  test("is checked, tried, linked, and locked for every platform; a second time nothing is asked", async () => {
    const { url, requests } = await releaseSite();
    const { ctx, home, bin, workspace } = await toolWorkspace(tool(url));
    expect(await installTools(ctx, workspace)).toEqual([
      { name: "hello", version, source: "release", path: join(bin, "hello"), changed: true },
    ]);
    expect((await execa(join(bin, "hello"))).stdout).toBe(`hello ${version}`);
    expect((await stat(join(bin, "hello"))).mode & 0o111).toBe(0o111);
    const lock = JSON.parse(await readFile(join(home, "tools-lock.json"), "utf8"));
    expect(Object.keys(lock.hello.sha256).sort()).toEqual(["darwin-arm64", "darwin-x64", "linux-arm64", "linux-x64"]);
    expect(lock.hello.sha256[thisPlatform]).toBe(sha256(content));
    const before = requests.length;
    expect(await installTools(ctx, workspace)).toMatchObject([{ changed: false }]);
    expect(await listTools(ctx, workspace)).toMatchObject([{ state: "installed", installed: version }]);
    expect(requests.length).toBe(before);
  });

  test("may be a tarball with the program inside, or the program itself, with hashes in flow.yaml", async () => {
    const packed = packageTarball({ name: "hello" }, { "bin/hello": program("hello", version) });
    const plain = Buffer.from(program("plain", version));
    const { url } = await releaseSite({ "/hello.tar.gz": packed, "/plain": plain });
    const { ctx, bin, workspace } = await toolWorkspace({
      hello: {
        version,
        release: { url: `${url}/hello.tar.gz`, sha256: { [thisPlatform]: sha256(packed) }, path: "package/bin/hello" },
      },
      plain: { version, release: { url: `${url}/plain`, sha256: { [thisPlatform]: sha256(plain) } } },
    });
    await installTools(ctx, workspace);
    expect((await execa(join(bin, "hello"))).stdout).toBe(`hello ${version}`);
    expect((await execa(join(bin, "plain"))).stdout).toBe(`plain ${version}`);
  });

  test("is reached through redirects", async () => {
    const { url } = await releaseSite({
      [`/${archive}`]: (_request, response) => response.writeHead(302, { location: "/elsewhere" }).end(),
      "/elsewhere": content,
    });
    const { ctx, workspace } = await toolWorkspace(tool(url));
    expect(await installTools(ctx, workspace)).toMatchObject([{ changed: true }]);
  });

  test("is reached through the proxy that the environment names", async () => {
    const { url } = await releaseSite();
    const asked: string[] = [];
    const proxy = await startProxy(new URL(url), asked);
    const { ctx, workspace } = await toolWorkspace(tool("http://releases.invalid"), { HTTP_PROXY: proxy });
    expect(await installTools(ctx, workspace)).toMatchObject([{ changed: true }]);
    expect(asked.length).toBeGreaterThan(0);
    expect(asked.every((host) => host.startsWith("releases.invalid"))).toBe(true);
  });

  test("comes slowly, but comes", async () => {
    const { url } = await releaseSite({
      [`/${archive}`]: (_request, response) => {
        const half = Math.floor(content.length / 2);
        response.writeHead(200, { "content-length": content.length });
        response.write(content.subarray(0, half));
        setTimeout(() => response.end(content.subarray(half)), 300);
      },
    });
    const { ctx, workspace } = await toolWorkspace(tool(url), { FLOW_NETWORK_TIMEOUT: "20" });
    expect(await installTools(ctx, workspace)).toMatchObject([{ changed: true }]);
  });
});

describe("is refused, and nothing of it stays:", () => {
  test.each<[string, Record<string, Answer | string>, string, RegExp]>([
    ["an archive with another hash", { [`/${archive}`]: "something else" }, "FLOW_TOOL_HASH", /its sha256 is/],
    [
      "one that this platform lacks",
      { "/SUMS": `${"0".repeat(64)}  hello_plan9.zip` },
      "FLOW_TOOL_HASH",
      /lists no hello_/,
    ],
    [
      "one that breaks off",
      {
        [`/${archive}`]: (_request, response) => {
          response.writeHead(200, { "content-length": content.length });
          response.write(content.subarray(0, 40), () => response.destroy());
        },
      },
      "FLOW_HTTP_FAILED",
      /hello_/,
    ],
    ["one that never comes", { [`/${archive}`]: () => {} }, "FLOW_TIMEOUT", /no answer for/],
    [
      "one that is not there",
      { [`/${archive}`]: (_request, response) => response.writeHead(404).end() },
      "FLOW_HTTP_FAILED",
      /answered 404/,
    ],
    [
      "a list of sums that is not there",
      { "/SUMS": (_request, response) => response.writeHead(404).end() },
      "FLOW_HTTP_FAILED",
      /SUMS answered 404/,
    ],
  ])("%s", async (_name, answers, code, message) => {
    const { url } = await releaseSite(answers);
    const { ctx, home, bin, workspace } = await toolWorkspace(tool(url), { FLOW_NETWORK_TIMEOUT: "1" });
    const failure: unknown = await installTools(ctx, workspace).catch((error: unknown) => error);
    expect(failure).toMatchObject({ code, message: expect.stringMatching(message) });
    expect(await leftOvers(home)).toEqual([]);
    expect(existsSync(join(bin, "hello"))).toBe(false);
    expect(existsSync(join(home, "tools-lock.json"))).toBe(false);
  });

  test("an archive that was replaced after it was locked, on a machine that has none yet", async () => {
    const { url, site } = await releaseSite();
    const { ctx, home, workspace } = await toolWorkspace(tool(url));
    await installTools(ctx, workspace);
    await execa("rm", ["-r", join(home, "pkg"), join(home, "bin")]);
    const other = zip([{ name: "hello", content: program("hello", "evil") }]);
    Object.assign(site, { [`/${archive}`]: other, "/SUMS": `${sha256(other)}  ${archive}\n` });
    await expect(installTools(ctx, workspace)).rejects.toMatchObject({
      message: expect.stringContaining(sha256(content)),
    });
    expect(await leftOvers(home)).toEqual([]);
  });

  test("one whose hash the lock lacks for this platform, whatever its host publishes by now", async () => {
    const { url, requests } = await releaseSite();
    const { ctx, home, workspace } = await toolWorkspace(tool(url));
    const lock = { hello: { version, sha256: { "darwin-arm64": "0".repeat(64) } } };
    await writeFile(join(home, "tools-lock.json"), JSON.stringify(lock));
    await expect(installTools(ctx, workspace)).rejects.toMatchObject({
      code: "FLOW_TOOL_HASH",
      message: `tools-lock.json has no hash of hello ${version} for ${thisPlatform}`,
    });
    expect(requests).toEqual([]);
    expect(await leftOvers(home)).toEqual([]);
  });

  test("a program that does not run here", async () => {
    const broken = zip([{ name: "hello", content: "#!/bin/sh\nexit 3\n" }]);
    const { url } = await releaseSite({ [`/${archive}`]: broken, "/SUMS": `${sha256(broken)}  ${archive}` });
    const { ctx, home, workspace } = await toolWorkspace(tool(url));
    await expect(installTools(ctx, workspace)).rejects.toMatchObject({ code: "FLOW_TOOL_BROKEN" });
    expect(await leftOvers(home)).toEqual([]);
  });
});

/** An HTTP proxy that leads every request, tunnelled or not, to one server. */
async function startProxy(target: URL, asked: string[]): Promise<string> {
  const server = createServer((request, response) => {
    const { host, pathname } = new URL(request.url ?? "", "http://none");
    asked.push(host);
    void fetch(new URL(pathname, target)).then(async (answer) =>
      response.writeHead(answer.status).end(Buffer.from(await answer.arrayBuffer())),
    );
  });
  server.on("connect", (request: IncomingMessage, socket: Socket) => {
    asked.push(request.url ?? "");
    const upstream = connect(Number(target.port), target.hostname, () => {
      socket.write("HTTP/1.1 200 Connection established\r\n\r\n");
      upstream.pipe(socket).pipe(upstream);
    });
    for (const end of [socket, upstream]) end.on("error", () => end.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
