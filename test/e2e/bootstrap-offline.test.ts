import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { buildRelease } from "../../scripts/pack/build.ts";
import { poll } from "../../src/core/retry.ts";
import type { RunDocument } from "../../src/runner/index.ts";
import { git, makeRepository } from "../support/git-repository.ts";
import { gitDaemon } from "../support/git-servers.ts";
import { makeMachine, unpackFlow } from "../support/self-update.ts";

/** Nothing listens there: whoever asks it is refused. */
const closed = "http://127.0.0.1:9/";

/** All programs of the system but those that a new machine lacks. */
async function bareMachine(dir: string): Promise<string> {
  await mkdir(dir);
  const lacking = /^(node|nodejs|npm|npx|corepack|curl|wget|go|consul)$/;
  for (const source of ["/usr/local/bin", "/usr/bin", "/bin"]) {
    for (const name of await readdir(source)) {
      if (!lacking.test(name) && !existsSync(join(dir, name))) await symlink(join(source, name), join(dir, name));
    }
  }
  return dir;
}

test("with only the mirror's git host in reach, a new workspace gets Node, flow and tools, and runs its fleet", async () => {
  await using maker = await makeMachine("flow offline");
  const { dir, ok } = maker;
  const remotes = { mirror: join(dir, "mirror.git"), workspace: join(dir, "workspace.git"), web: join(dir, "web") };
  await makeRepository(remotes.web, {
    "flow.yaml": "services:\n  web:\n    command: node service.mjs\n",
    "service.mjs": `
      import { createServer } from "node:http";
      import * as runtime from "goflow/runtime";
      const answer = JSON.stringify({ node: process.version, runtime: typeof runtime.background });
      createServer((_, response) => response.end(answer)).listen(process.env.FLOW_PORT, "127.0.0.1");`,
  });
  await ok(["git", "init", "--quiet", "--bare", "--initial-branch=main", remotes.mirror]);
  await git(remotes.mirror, ["config", "uploadpack.allowFilter", "true"]);
  await using host = await gitDaemon(dir);
  const mirror = host.url("mirror.git");
  const launcher = await unpackFlow(join(dir, "release"), (await buildRelease()).tarball);
  const made = join(dir, "made");
  const names = ["--org", "acme", "--module", "example.com/acme"];
  await ok([launcher, "bootstrap", made, ...names, "--mirror", mirror]);
  const definition = join(made, "flow.yaml");
  const text = await readFile(definition, "utf8");
  await writeFile(
    definition,
    text
      .replace("repositories: {}", `repositories:\n  web: { url: "${remotes.web}" }`)
      .replace("\ntools:", "\ntools:\n  esbuild: { npm: esbuild }"),
  );
  // A tool whose program is a platform's binary in a package of its own.
  await ok([join(made, "bin/flow"), "vendor", "add", "npm:esbuild@0.28.2"], { cwd: made });
  // And something that nobody needs.
  await makeRepository(join(dir, "unneeded"), { "package.json": '{ "name": "unneeded" }' });
  const unneeded = ["vendor", "add", join(dir, "unneeded"), "--prefix", "node_modules/unneeded"];
  await ok([join(made, "bin/flow"), ...unneeded], { cwd: made });
  await ok([join(made, "bin/flow"), "vendor", "push"], { cwd: made });
  await git(made, ["commit", "--quiet", "--all", "--message", "Say where web is"]);
  await git(made, ["clone", "--quiet", "--bare", made, remotes.workspace]);

  const joined = join(dir, "joined");
  const home = join(dir, "new home");
  await mkdir(home);
  const env = {
    PATH: await bareMachine(join(dir, "programs")),
    HOME: home,
    XDG_CACHE_HOME: join(home, ".cache"),
    npm_config_registry: closed,
    FLOW_NODE_DIST: closed,
    HTTP_PROXY: closed,
    HTTPS_PROXY: closed,
    GOPROXY: closed,
    NO_PROXY: "127.0.0.1",
  };
  await git(dir, ["clone", "--quiet", remotes.workspace, joined]);
  await ok([join(joined, "bootstrap.sh")], { env });

  const flow = join(joined, "bin/flow");
  const clone = async (workspace: string) => {
    const said = await ok([flow, "vendor", "verify", "--json"], { env, cwd: workspace });
    return JSON.parse(said) as { clone: object; prefixes: { prefix: string; inWorkTree: boolean }[] };
  };
  const first = await clone(joined);
  expect(first.clone).toEqual({ shallow: true, partial: true, sparse: true });
  expect(first.prefixes.find(({ prefix }) => prefix === "node_modules/unneeded")).toMatchObject({ inWorkTree: false });
  const { node } = JSON.parse(await ok([flow, "version", "--json"], { env })) as { node: string };
  const { tools } = JSON.parse(await ok([flow, "tool", "list", "--json"], { env, cwd: joined })) as {
    tools: { name: string; state: string }[];
  };
  expect(tools.map(({ name, state }) => `${name} ${state}`).sort()).toEqual([
    "buf installed",
    "esbuild installed",
    "protoc-gen-es installed",
    "protoc-gen-flow installed",
  ]);
  expect(await ok([join(joined, "bin/esbuild"), "--version"], { env })).toBe("0.28.2");
  await ok([flow, "run", "--detach", "--consul", "embedded"], { env, cwd: joined });
  try {
    await ok([flow, "wait"], { env, cwd: joined });
    const { services } = JSON.parse(await ok([flow, "ps", "--json"], { env, cwd: joined })) as RunDocument;
    const answer = await poll(
      async () => (await fetch(`http://127.0.0.1:${services[0]?.port}/`).catch(() => undefined))?.json(),
      { timeoutMs: 30_000 },
    );
    expect(answer).toEqual({ node: `v${node}`, runtime: "function" });
  } finally {
    await ok([flow, "stop"], { env, cwd: joined });
  }

  // Another one joins by a flow that is there: again nothing but git is asked.
  const second = join(dir, "second");
  await ok([flow, "bootstrap", "--from", remotes.workspace, second], {
    env: { ...env, XDG_CACHE_HOME: join(home, "b") },
  });
  expect(await ok([join(second, "bin/node"), "--version"], { env })).toBe(`v${node}`);
});
