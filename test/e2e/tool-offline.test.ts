import { execa } from "execa";
import { existsSync } from "node:fs";
import { mkdir, rm, symlink } from "node:fs/promises";
import { delimiter, dirname, join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { stringify } from "yaml";
import { buildRelease } from "../../scripts/pack/build.ts";
import { networkless } from "../../src/vendoring/build/surroundings.ts";
import { checkoutRoot, testContext } from "../support/context.ts";
import { writeFiles } from "../support/git-repository.ts";
import { makeMachine, type Machine } from "../support/self-update.ts";

/** Where each comes from, as a team pins it, and what it is asked to do without a network. */
const tools: Record<string, { tool: object; spec: string; does: readonly string[]; says: RegExp }> = {
  buf: {
    tool: { npm: "@bufbuild/buf" },
    spec: "npm:@bufbuild/buf@1.75.0",
    does: ["build", "proto", "-o", "-#format=json"],
    says: /"name":"greet.proto"/,
  },
  "protoc-gen-es": {
    tool: { npm: "@bufbuild/protoc-gen-es" },
    spec: "npm:@bufbuild/protoc-gen-es@2.17.0",
    does: ["--version"],
    says: /2\.17\.0/,
  },
  "protoc-gen-flow": {
    tool: { npm: "goflow", bin: "dist/cli/entries/protoc-gen-flow.js" },
    spec: "file:goflow.tgz",
    does: ["--version"],
    says: /\d/,
  },
  esbuild: {
    tool: { npm: "esbuild" },
    spec: "npm:esbuild@0.28.2",
    does: ["--minify", "greet.ts"],
    says: /^const answer=42;/,
  },
  grpcurl: {
    tool: { go: "github.com/fullstorydev/grpcurl/cmd/grpcurl" },
    spec: "go:github.com/fullstorydev/grpcurl@v1.9.4",
    does: ["-import-path", "proto", "-proto", "greet.proto", "list"],
    says: /^greet\.Greeter$/m,
  },
};

const hasGo = (process.env.PATH ?? "").split(delimiter).some((dir) => existsSync(join(dir, "go")));
if (!hasGo && process.env.CI === "true") throw new Error("CI needs Go");
const names = Object.keys(tools).filter((name) => hasGo || !("go" in (tools[name]?.tool ?? {})));

let machine: Machine & AsyncDisposable;
let home: string;
/** Nothing answers: neither the network, where this machine can take it away, nor what the settings name. */
let blocked: { argv: readonly string[]; env: Record<string, string> };

const flow = [process.execPath, join(checkoutRoot, "src/cli/main.ts")];

/** All that lies in the workspace but its mirror and what Go compiled: bin/, links and payloads of tools. */
async function forgetTools(): Promise<void> {
  for (const part of ["bin", "pkg/tools", "pkg/generations", "pkg/current"])
    await rm(join(home, part), { recursive: true, force: true });
  await mkdir(join(home, "bin"));
  await symlink(process.execPath, join(home, "bin/node"));
}

/** Go's caches of this machine, where `scripts/build-test-tools.sh` left what it fetched and compiled. */
async function shareGo(): Promise<Record<string, string>> {
  if (!hasGo) return {};
  const { stdout } = await execa("go", ["env", "GOCACHE", "GOMODCACHE", "GOPROXY", "GOSUMDB", "GONOSUMDB"]);
  const [compiled = "", modules = "", proxy = "", GOSUMDB = "", GONOSUMDB = ""] = stdout.split("\n");
  await mkdir(join(home, "pkg/cache/go"), { recursive: true });
  await mkdir(compiled, { recursive: true });
  await symlink(compiled, join(home, "pkg/cache/go/build"));
  // Compiled as those are: without C, for which a machine need not have a compiler.
  return { GOPROXY: `file://${modules}/cache/download,${proxy}`, GOSUMDB, GONOSUMDB, CGO_ENABLED: "0" };
}

beforeAll(async () => {
  machine = await makeMachine("flow tools ü");
  home = join(machine.dir, "work space");
  const pinned = Object.fromEntries(names.map((name) => [name, tools[name]?.tool]));
  await writeFiles(home, {
    "flow.yaml": stringify({
      organization: "acme",
      module: "example.com/acme",
      mirror: { url: "./mirror.git" },
      tools: pinned,
    }),
    "proto/greet.proto":
      'syntax = "proto3";\npackage greet;\nmessage Hello {}\nservice Greeter { rpc Greet(Hello) returns (Hello); }\n',
    "greet.ts": "const answer: number = 42;\nconsole.log(answer);\n",
  });
  await forgetTools();
  const go = await shareGo();
  const { tarball } = await buildRelease();
  const specs = names.map((name) => (tools[name]?.spec ?? "").replace("goflow.tgz", tarball));
  await machine.ok([...flow, "vendor", "init", join(home, "src/example.com/acme/vendor")], { cwd: home });
  await machine.ok([...flow, "vendor", "add", ...specs], { cwd: home, env: go });

  const closed = "http://127.0.0.1:9/";
  blocked = {
    argv: (await networkless(testContext(home))) ?? [],
    env: { ...go, npm_config_registry: closed, HTTP_PROXY: closed, HTTPS_PROXY: closed, GOPROXY: "off" },
  };
});

afterAll(() => machine[Symbol.asyncDispose]());

test("everything that the mirror holds installs with the network blocked, and into an empty folder again", async () => {
  for (const round of ["first", "again"]) {
    const { stdout, stderr, exitCode } = await machine.run([...blocked.argv, ...flow, "tool", "install", "--json"], {
      cwd: home,
      env: blocked.env,
    });
    expect({ round, exitCode }, stderr).toEqual({ round, exitCode: 0 });
    const { tools: installed } = JSON.parse(stdout) as { tools: { name: string; source: string; changed: boolean }[] };
    expect(installed.map(({ name, source, changed }) => ({ name, source, changed }))).toEqual(
      names.map((name) => ({ name, source: "mirror", changed: true })),
    );
    if (round === "first") await forgetTools();
  }
});

test.each(names)("%s out of the mirror works with the network blocked", async (name) => {
  const { does, says } = tools[name] as (typeof tools)[string];
  const program = join(home, "bin", name);
  const env = { ...blocked.env, PATH: `${dirname(program)}${delimiter}${machine.env.PATH}` };
  const { stdout, stderr, exitCode } = await machine.run([...blocked.argv, program, ...does], { cwd: home, env });
  expect(exitCode, stderr).toBe(0);
  expect(stdout).toMatch(says);
});
