import { createHash } from "node:crypto";
import { execa } from "execa";
import { chmod, cp, mkdir, readFile, readdir, symlink, writeFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { delimiter, join } from "node:path";
import { accessSync } from "node:fs";
import { describe, expect, onTestFinished, test } from "vitest";
import { poll } from "../../src/core/retry.ts";
import { checkoutRoot } from "../support/context.ts";
import { directoryState } from "../support/directory-state.ts";
import { tarball } from "../support/tarball.ts";
import { tempDirectory } from "../support/temp.ts";

/** What a bare machine has, beside a program that downloads. */
const base = (
  "awk cat chmod cksum cmp cp cut dirname env git grep gzip head ln mkdir " +
  "mv readlink rm sed sh sha256sum sha512sum sleep tail tar uname"
).split(" ");

const version = "24.21.0";
/** Stands for the Node in an archive: it says the pinned version, and is the real one otherwise. */
const program = `#!/bin/sh\n[ "$1" = --version ] && echo v${version} && exit\nexec '${process.execPath}' "$@"\n`;
const packaged = tarball([
  { path: "package/bin/node", content: program, mode: 0o755 },
  { path: "package/LICENSE", content: "MIT" },
  { path: "package/share/man/node.1", content: "not wanted" },
]);
const official = (platform: string) =>
  tarball([{ path: `node-v${version}-${platform}/bin/node`, content: program, mode: 0o755 }]);

const hex = (algorithm: string, data: Buffer) => createHash(algorithm).update(data).digest("hex");

interface Machine {
  home: string;
  env: Record<string, string>;
  /** Runs `bring.sh node` (or another program of bin/) as this machine. */
  run(args?: readonly string[], env?: Record<string, string>): ReturnType<typeof runShell>;
  cached: string;
}

async function runShell(
  script: string,
  args: readonly string[],
  options: { cwd: string; env: Record<string, string> },
) {
  const { stdout, stderr, exitCode } = await execa("/bin/sh", [script, ...args], {
    ...options,
    extendEnv: false,
    reject: false,
    stdin: "ignore",
  });
  return { stdout, stderr, exitCode };
}

/** A machine with nothing but `base` and these programs, whose flow expects the packaged Node above. */
async function machine(programs: readonly string[] = ["curl"], pins: Record<string, string> = {}): Promise<Machine> {
  const dir = await tempDirectory("flow machine");
  const [home, path, bin] = [join(dir, "home"), join(dir, "path"), join(dir, "bin")];
  await Promise.all([mkdir(home), mkdir(path), cp(join(checkoutRoot, "bin"), bin, { recursive: true })]);
  for (const name of [...base, ...programs]) await symlink(find(name), join(path, name));
  const hash = hex("sha512", packaged);
  const values: Record<string, string> = {
    FLOW_NODE_VERSION: version,
    FLOW_NODE_SHA512_LINUX_X64: hash,
    FLOW_NODE_SHA512_LINUX_ARM64: hash,
    ...pins,
  };
  await writeFile(
    join(bin, "pins.sh"),
    Object.entries(values)
      .map(([name, value]) => `${name}=${value}\n`)
      .join(""),
  );
  const env = { HOME: home, PATH: path, FLOW_NETWORK_TIMEOUT: "2" };
  return {
    home,
    env,
    cached: join(home, ".cache/flow/node", `${version}-linux-${process.arch}`, "bin/node"),
    run: (args = ["node"], extra = {}) =>
      runShell(join(bin, "bring.sh"), args, { cwd: home, env: { ...env, ...extra } }),
  };
}

function find(name: string): string {
  for (const dir of (process.env.PATH ?? "").split(delimiter)) {
    try {
      accessSync(join(dir, name));
      return join(dir, name);
    } catch {}
  }
  throw new Error(`these tests need ${name}`);
}

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/npm`;
}

/** A registry that holds the packaged Node, and the requests it got. */
async function registry(body: Buffer = packaged): Promise<{ url: string; requests: IncomingMessage[] }> {
  const requests: IncomingMessage[] = [];
  const url = await serve((request, response) => {
    requests.push(request);
    if (/^\/npm\/node-linux-(x64|arm64)\/-\/node-linux-\1-24\.21\.0\.tgz$/.test(request.url ?? "")) response.end(body);
    else response.writeHead(404).end();
  });
  return { url, requests };
}

/** Everything that a failed or killed run may leave: nothing but directories. */
async function leftovers({ home }: Machine): Promise<string[]> {
  return (await directoryState(home)).filter((line) => !line.endsWith("/") && !line.startsWith(".npmrc"));
}

describe("Node is brought", () => {
  test.each([["curl"], ["wget"]])("by %s, checked and with nothing but what is needed", async (downloader) => {
    const { url, requests } = await registry();
    const bare = await machine([downloader]);
    const result = await bare.run(["node"], { npm_config_registry: url });
    expect(result).toMatchObject({ stdout: bare.cached, exitCode: 0 });
    const { stdout } = await execa(bare.cached, ["-p", "6*7"]);
    expect(stdout).toBe("42");
    expect((await leftovers(bare)).map((line) => line.split(" ")[0])).toEqual([
      expect.stringMatching(/\/LICENSE$/),
      expect.stringMatching(/\/bin\/node$/),
    ]);
    expect(await bare.run(["node"], { npm_config_registry: url })).toMatchObject({ stdout: bare.cached, stderr: "" });
    expect(requests).toHaveLength(1);
  });

  test("by an npm, where there is neither curl nor wget", async () => {
    const bare = await machine([]);
    const url = await serve((request, response) => {
      const name = `node-linux-${process.arch}`;
      const dist = { tarball: `${url}/${name}/-/${name}-${version}.tgz`, shasum: hex("sha1", packaged) };
      const manifest = { name, version, dist };
      if (request.url?.endsWith(".tgz") === true) response.end(packaged);
      else response.end(JSON.stringify({ name, "dist-tags": { latest: version }, versions: { [version]: manifest } }));
    });
    await writeFile(join(bare.env.PATH ?? "", "npm"), `#!/bin/sh\nPATH=${process.env.PATH} exec npm "$@"\n`, {
      mode: 0o755,
    });
    expect(await bare.run(["node"], { npm_config_registry: url })).toMatchObject({ stdout: bare.cached, exitCode: 0 });
    // What npm itself keeps goes into flow's cache.
    expect((await readdir(bare.home)).sort()).toEqual([".cache"]);
  });

  test.each([
    ["npm_config_registry in any case", {}, (url: string) => ({ NPM_CONFIG_Registry: url })],
    ["~/.npmrc", { ".npmrc": '; mine\nregistry = "URL/"\n' }, () => ({})],
    ["a variable in .npmrc", { ".npmrc": "registry=${MY_REGISTRY}\n" }, (url: string) => ({ MY_REGISTRY: url })],
    ["another user configuration", { other: "registry=URL\n" }, () => ({ npm_config_userconfig: "other" })],
  ])("from the registry that %s names", async (_name, files, env) => {
    const { url } = await registry();
    const bare = await machine();
    for (const [name, text] of Object.entries(files)) await writeFile(join(bare.home, name), text.replace("URL", url));
    expect(await bare.run(["node"], env(url))).toMatchObject({ exitCode: 0 });
  });

  test("with the token that .npmrc holds for that registry, which no argument of a process shows", async () => {
    const { url, requests } = await registry();
    const bare = await machine([]);
    const curl = `#!/bin/sh\necho "$@" >>"$HOME/arguments"\nexec ${find("curl")} "$@"\n`;
    await writeFile(join(bare.env.PATH ?? "", "curl"), curl, { mode: 0o755 });
    const host = url.replace("http:", "");
    await writeFile(
      join(bare.home, ".npmrc"),
      `registry=${url}\n//elsewhere/:_authToken=no\n${host}/:_authToken=\${TOKEN}\n`,
    );
    expect(await bare.run(["node"], { TOKEN: "s3cret" })).toMatchObject({ exitCode: 0 });
    expect(requests[0]?.headers.authorization).toBe("Bearer s3cret");
    expect(await readFile(join(bare.home, "arguments"), "utf8")).not.toContain("s3cret");
  });

  test("once, when several ask at the same time", async () => {
    const { url } = await registry();
    const bare = await machine();
    const results = await Promise.all(
      Array.from({ length: 6 }, () => bare.run(["node"], { npm_config_registry: url })),
    );
    expect(results.map(({ stdout, exitCode }) => ({ stdout, exitCode }))).toEqual(
      Array.from({ length: 6 }, () => ({ stdout: bare.cached, exitCode: 0 })),
    );
    expect(await leftovers(bare)).toHaveLength(2);
    expect(await readdir(join(bare.home, ".cache/flow/node"))).toEqual([`${version}-linux-${process.arch}`]);
  });
});

describe("the official archive", () => {
  const archive = `node-v${version}-darwin-arm64.tar.gz`;
  const asMac = async (bare: Machine) => {
    const script = `#!/bin/sh\ncase $1 in -s) echo Darwin;; -m) echo arm64;; *) echo Darwin arm64;; esac\n`;
    await writeFile(join(bare.env.PATH ?? "", "fake"), script, { mode: 0o755 });
    await execa("mv", [join(bare.env.PATH ?? "", "fake"), join(bare.env.PATH ?? "", "uname")]);
  };

  test.each([
    ["is taken for a platform without a recorded hash", hex("sha256", official("darwin-arm64")), 0, ""],
    ["is refused when its published sum differs", "0".repeat(64), 5, "is not what was published"],
    ["is refused when the list does not name it", "", 5, "does not list"],
  ])("%s", async (_name, sum, exitCode, message) => {
    const url = await serve((request, response) => {
      if (request.url?.endsWith("SHASUMS256.txt") === true) response.end(sum === "" ? "" : `${sum}  ${archive}\n`);
      else if (request.url === `/npm/v${version}/${archive}`) response.end(official("darwin-arm64"));
      else response.writeHead(404).end();
    });
    const bare = await machine();
    await asMac(bare);
    const result = await bare.run(["node"], { FLOW_NODE_DIST: url });
    expect(result).toMatchObject({ exitCode, stderr: expect.stringContaining(message) });
    if (exitCode !== 0) expect(await leftovers(bare)).toEqual([]);
  });
});

describe("what goes wrong is said with a way out, leaves nothing, and the next run goes on", () => {
  const cut = packaged.subarray(0, packaged.length / 2);
  test.each<[string, RequestListener, string, string]>([
    [
      "a wrong hash",
      (_, response) => response.end(Buffer.concat([packaged, Buffer.from("x")])),
      "is not what was published",
      "expected",
    ],
    ["a half file", (_, response) => response.end(cut), "is not what was published", "sha512"],
    [
      "a transfer that breaks off",
      (_, response) => {
        response.setHeader("content-length", packaged.length);
        response.write(cut, () => response.destroy());
      },
      "could not be fetched",
      "broke off",
    ],
    ["a server that accepts and never answers", () => {}, "could not be fetched", "no progress for 2 s"],
    [
      "a server that stops in the middle",
      (_, response) => {
        response.setHeader("content-length", packaged.length);
        response.write(cut);
      },
      "could not be fetched",
      "no progress for 2 s",
    ],
    [
      "a registry without the package",
      (_, response) => response.writeHead(404).end(),
      "could not be fetched",
      "does not hold it",
    ],
    [
      "a registry that wants a login",
      (_, response) => response.writeHead(401).end(),
      "could not be fetched",
      "_authToken",
    ],
  ])("%s", async (_name, listener, message, detail) => {
    const bare = await machine();
    const failed = await bare.run(["node"], { npm_config_registry: await serve(listener) });
    expect(failed).toMatchObject({ stdout: "", exitCode: 5, stderr: expect.stringContaining(message) });
    expect(failed.stderr).toContain(detail);
    expect(failed.stderr).toMatch(/\nhint: /);
    expect(await leftovers(bare)).toEqual([]);
    const { url } = await registry();
    expect(await bare.run(["node"], { npm_config_registry: url })).toMatchObject({ exitCode: 0 });
  });

  test("no network at all", async () => {
    const bare = await machine();
    const result = await bare.run(["node"], { npm_config_registry: "http://127.0.0.1:1/" });
    expect(result).toMatchObject({ exitCode: 5, stderr: expect.stringContaining("refused the connection") });
    expect(await leftovers(bare)).toEqual([]);
  });

  test("a Node that does not run here", async () => {
    const broken = tarball([{ path: "package/bin/node", content: "#!/bin/sh\nexit 1\n" }, { path: "package/LICENSE" }]);
    const bare = await machine(["curl"], {
      FLOW_NODE_SHA512_LINUX_X64: hex("sha512", broken),
      FLOW_NODE_SHA512_LINUX_ARM64: hex("sha512", broken),
    });
    const { url } = await registry(broken);
    const result = await bare.run(["node"], { npm_config_registry: url });
    expect(result).toMatchObject({ exitCode: 1, stderr: expect.stringContaining("FLOW_NODE_UNUSABLE") });
    expect(await leftovers(bare)).toEqual([]);
  });

  test("a password in the registry's URL is not shown", async () => {
    const bare = await machine();
    const result = await bare.run(["node"], { npm_config_registry: "http://ann:hunter2@127.0.0.1:1/" });
    expect(result.stderr).not.toContain("hunter2");
  });

  test("a run that is killed; what it staged is swept by the next", async () => {
    const bare = await machine();
    let requests = 0;
    const url = await serve((_, response) => {
      requests++;
      response.setHeader("content-length", packaged.length);
      response.write(cut);
    });
    const child = execa("/bin/sh", [join(bare.home, "../bin/bring.sh"), "node"], {
      cwd: bare.home,
      env: { ...bare.env, FLOW_NETWORK_TIMEOUT: "30", npm_config_registry: url },
      extendEnv: false,
      reject: false,
      detached: true,
    });
    await poll(() => requests > 0, { timeoutMs: 10_000 });
    process.kill(-(child.pid as number), "SIGKILL");
    await child;
    expect((await readdir(join(bare.home, ".cache/flow/node")))[0]).toMatch(/^\.staging\./);
    const good = await registry();
    expect(await bare.run(["node"], { npm_config_registry: good.url })).toMatchObject({ exitCode: 0 });
    expect(await readdir(join(bare.home, ".cache/flow/node"))).toEqual([`${version}-linux-${process.arch}`]);
  });

  test.each([
    ["a system that flow does not run on", "FreeBSD amd64", "FLOW_PLATFORM_UNSUPPORTED"],
    ["a processor that flow does not run on", "Linux riscv64", "FLOW_PLATFORM_UNSUPPORTED"],
  ])("%s", async (_name, platform, code) => {
    const bare = await machine();
    const [system, processor] = platform.split(" ");
    const uname = join(bare.env.PATH ?? "", "uname");
    await execa("rm", [uname]);
    await writeFile(
      uname,
      `#!/bin/sh\ncase $1 in -s) echo ${system};; -m) echo ${processor};; *) echo ${platform};; esac\n`,
    );
    await chmod(uname, 0o755);
    expect(await bare.run()).toMatchObject({ exitCode: 1, stderr: expect.stringContaining(code) });
  });
});

describe("bin/flow", () => {
  /** A flow that only says which Node runs it. */
  async function installFlow(bare: Machine): Promise<string> {
    const root = join(bare.home, "..");
    await mkdir(join(root, "dist/cli"), { recursive: true });
    await writeFile(join(root, "dist/cli/main.js"), "console.log(process.argv0, ...process.argv.slice(2))");
    return join(root, "bin/flow");
  }

  async function putNode(bare: Machine, says: string): Promise<string> {
    const path = join(bare.env.PATH ?? "", "node");
    await writeFile(path, program.replace(version, says), { mode: 0o755 });
    return path;
  }

  test.each(["24.21.0", "24.30.1", "26.0.0"])("uses the machine's Node %s, which is new enough", async (says) => {
    const bare = await machine([]);
    const flow = await installFlow(bare);
    await putNode(bare, says);
    const { stdout } = await runShell(flow, ["a b"], { cwd: bare.home, env: bare.env });
    expect(stdout).toBe(`${process.execPath} a b`);
    expect(await directoryState(bare.home)).toEqual([]);
  });

  test.each(["20.20.2", "24.9.0", "22.99.0"])("brings its own where the machine's is %s", async (says) => {
    const bare = await machine();
    const flow = await installFlow(bare);
    await putNode(bare, says);
    const { url } = await registry();
    const env = { ...bare.env, npm_config_registry: url };
    expect(await runShell(flow, [], { cwd: bare.home, env })).toMatchObject({
      exitCode: 0,
      stderr: expect.stringContaining("Bringing Node"),
    });
    expect(await runShell(flow, [], { cwd: bare.home, env: bare.env })).toMatchObject({ exitCode: 0, stderr: "" });
  });

  test("passes the failure to bring one on", async () => {
    const bare = await machine();
    const flow = await installFlow(bare);
    const env = { ...bare.env, npm_config_registry: "http://127.0.0.1:1/" };
    expect(await runShell(flow, [], { cwd: bare.home, env })).toMatchObject({ exitCode: 5, stdout: "" });
  });

  test("works through a chain of links, relative ones too", async () => {
    const bare = await machine([]);
    const flow = await installFlow(bare);
    await putNode(bare, version);
    await mkdir(join(bare.home, "tools"));
    await symlink(flow, join(bare.home, "tools/one"));
    await symlink("tools/one", join(bare.home, "two"));
    const { stdout } = await runShell(join(bare.home, "two"), ["x"], { cwd: bare.home, env: bare.env });
    expect(stdout).toBe(`${process.execPath} x`);
  });
});
