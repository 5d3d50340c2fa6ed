import { execa } from "execa";
import { existsSync } from "node:fs";
import { mkdir, readdir, symlink } from "node:fs/promises";
import type { ServerResponse } from "node:http";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { checkoutRoot } from "../support/context.ts";
import { freshMachine, sharedCache } from "../support/shared-cache.ts";
import { tempDirectory } from "../support/temp.ts";
import { serve } from "../support/tool-workspace.ts";

/** The registry that this machine uses, with its final slash. */
let upstream: string;

/** Nothing listens there: whoever asks it is refused. */
const closed = "http://127.0.0.1:1/";
/** Keeps a wait for a silent host short. */
const impatient = { FLOW_NETWORK_TIMEOUT: "3" };

beforeAll(async () => {
  const env = freshMachine("/nonexistent");
  const bring = async (what: string) =>
    (await execa("sh", [join(checkoutRoot, "bin/bring.sh"), what], { env, extendEnv: false })).stdout;
  [upstream] = await Promise.all([bring("registry"), bring("node")]);
});

/** A machine that has Node, and none of the packages that a bootstrap needs. */
async function makeMachine() {
  const dir = await tempDirectory("flow refused");
  const [home, cache, workspace] = [join(dir, "home"), join(dir, "cache"), join(dir, "workspace")];
  await mkdir(home);
  await mkdir(join(cache, "flow"), { recursive: true });
  await symlink(join(sharedCache, "flow/node"), join(cache, "flow/node"));
  const env = { ...freshMachine(home), XDG_CACHE_HOME: cache };
  const bootstrap = async (args: readonly string[], extra: Record<string, string>) => {
    const { stdout, stderr, exitCode } = await execa(join(checkoutRoot, "bin/flow"), ["bootstrap", ...args], {
      cwd: dir,
      env: { ...env, ...extra },
      extendEnv: false,
      reject: false,
      stdin: "ignore",
    });
    return { stdout, stderr, exitCode };
  };
  const names = ["--org", "acme", "--module", "example.com/acme"];
  return {
    workspace,
    bootstrap,
    make: (extra: Record<string, string>, ...args: string[]) => bootstrap([workspace, ...names, ...args], extra),
    git: async (place: string, ...args: string[]) =>
      (await execa("git", args, { cwd: join(workspace, place), env, extendEnv: false })).stdout,
  };
}

type Machine = Awaited<ReturnType<typeof makeMachine>>;

/** The real registry, but for what happens to archives on the way. */
async function spoilingRegistry(send: (response: ServerResponse, archive: Buffer) => void): Promise<string> {
  const url = await serve(async (request, response) => {
    const { accept } = request.headers;
    const path = request.url?.slice(1) ?? "";
    const answer = await fetch(`${upstream}${path}`, { headers: accept === undefined ? {} : { accept } });
    const body = Buffer.from(await answer.arrayBuffer());
    if (path.endsWith(".tgz")) return send(response, body);
    response.writeHead(answer.status, { "content-type": "application/json" });
    response.end(body.toString("utf8").replaceAll(upstream, `${url}/`));
  });
  return `${url}/`;
}

const silentRegistry = async () => ({ npm_config_registry: `${await serve(() => {})}/`, FLOW_NETWORK_TIMEOUT: "1" });

const cutRegistry = async () => ({
  npm_config_registry: await spoilingRegistry((response, archive) => {
    response.setHeader("content-length", archive.length);
    response.write(archive.subarray(0, archive.length / 2), () => response.destroy());
  }),
});

const changingRegistry = async () => ({
  npm_config_registry: await spoilingRegistry((response, archive) => {
    archive.writeUInt8(archive.readUInt8(archive.length - 1) ^ 1, archive.length - 1);
    response.end(archive);
  }),
});

/** Bootstraps on a registry that fails, and expects a way out, and that nothing of the packages stays. */
async function expectRefusal(machine: Machine, env: Record<string, string>, why: string): Promise<void> {
  const refused = await machine.make(env);
  expect(refused, refused.stderr).toMatchObject({ exitCode: 5, stdout: "" });
  expect(refused.stderr).toContain(why);
  expect(refused.stderr).toMatch(/\[FLOW_VENDOR_FETCH\][^]*\n\nhint: ./);
  expect(refused.stderr).not.toMatch(/\bbug:/);
  // The workspace and its empty mirror are there, whole; nothing is staged anywhere.
  expect(await machine.git("", "status", "--porcelain")).toBe("");
  expect(await machine.git("src/example.com/acme/vendor", "status", "--porcelain")).toBe("");
  expect(await machine.git("src/example.com/acme/vendor", "ls-files")).not.toContain("node_modules");
  const all = await readdir(machine.workspace, { recursive: true });
  expect(all.filter((name) => /staging|\.part$|\.lock$|node_modules/.test(name))).toEqual([]);
}

test.each<[string, () => Promise<Record<string, string>>, string]>([
  ["no network", async () => ({ npm_config_registry: closed }), "out of reach"],
  ["a registry that accepts and hangs", silentRegistry, "out of reach"],
  ["archives that are not what the registry promised", changingRegistry, "is not what the registry promised"],
])("%s: bootstrap says so with a way out, and no package is in the mirror", async (_name, registry, why) => {
  await expectRefusal(await makeMachine(), await registry(), why);
});

test("archives that break off half-way: bootstrap says so, and the next try goes on from there", async () => {
  const machine = await makeMachine();
  await expectRefusal(machine, await cutRegistry(), "out of reach");
  const begun = await machine.git("", "rev-parse", "HEAD");
  const result = await machine.make({});
  expect(result, result.stderr).toMatchObject({ exitCode: 0 });
  expect(await machine.git("", "rev-parse", "HEAD")).toBe(begun);
  expect(await machine.git("", "status", "--porcelain")).toBe("");
  expect(await readdir(join(machine.workspace, "bin"))).toEqual(
    expect.arrayContaining(["buf", "flow", "node", "protoc-gen-es", "protoc-gen-flow"]),
  );
});

const hosts: [string, () => Promise<string>, RegExp][] = [
  ["is out of reach", async () => closed, /Connection refused|Failed to connect/],
  ["accepts and hangs", async () => `${await serve(() => {})}/`, /no progress for 3 s/],
];

test.each(hosts)("a mirror whose host %s is said with a way out, and nothing of it stays", async (_name, host, why) => {
  const machine = await makeMachine();
  const refused = await machine.make(impatient, "--mirror", `${await host()}vendor.git`);
  expect(refused, refused.stderr).toMatchObject({ exitCode: 5, stdout: "" });
  expect(refused.stderr).toMatch(why);
  expect(refused.stderr).toMatch(/\[FLOW_VENDOR_FETCH\][^]*\n\nhint: .*network/);
  expect(await readdir(join(machine.workspace, "src/example.com/acme"))).toEqual([]);
});

test.each(hosts)("a team's workspace whose host %s is said with a way out, and nothing is made", async (...row) => {
  const [, host, why] = row;
  const machine = await makeMachine();
  const from = `${await host()}workspace.git`;
  const refused = await machine.bootstrap(["--from", from, machine.workspace], impatient);
  expect(refused, refused.stderr).toMatchObject({ exitCode: 5, stdout: "" });
  expect(refused.stderr).toMatch(why);
  expect(refused.stderr).toMatch(/\[FLOW_GIT_UNREACHABLE\][^]*\n\nhint: .*network/);
  expect(existsSync(machine.workspace)).toBe(false);
});
