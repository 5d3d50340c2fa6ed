import { execa } from "execa";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, readlink, realpath, rename, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { checkoutRoot } from "../support/context.ts";
import { directoryState } from "../support/directory-state.ts";
import { freshMachine } from "../support/shared-cache.ts";

let dir: string;
let home: string;
let workspace: string;
let env: Record<string, string>;

/** Runs a program on the fresh machine, wherever. */
async function run(
  file: string,
  args: readonly string[],
  options: { cwd?: string; env?: Record<string, string> } = {},
) {
  const result = await execa(file, [...args], {
    cwd: options.cwd ?? dir,
    env: options.env ?? env,
    extendEnv: false,
    reject: false,
    stdin: "ignore",
  });
  return { stdout: result.stdout, stderr: result.stderr, exitCode: result.exitCode };
}

async function succeed(
  file: string,
  args: readonly string[],
  options: Parameters<typeof run>[2] = {},
): Promise<string> {
  const result = await run(file, args, options);
  expect(result, `${file} ${args.join(" ")}\n${result.stderr}`).toMatchObject({ exitCode: 0 });
  return result.stdout;
}

beforeAll(async () => {
  dir = await realpath(await mkdtemp(join(tmpdir(), "flow bootstrap ü-")));
  home = join(dir, "home");
  await mkdir(home);
  env = freshMachine(home);
  workspace = join(dir, "das Büro");
  await succeed(join(checkoutRoot, "bin/flow"), [
    "bootstrap",
    workspace,
    "--org",
    "acme",
    "--module",
    "example.com/acme",
    "--example",
    "shop",
  ]);
  return () => rm(dir, { recursive: true, force: true, maxRetries: 3 });
});

describe("a new workspace, its path with a space and an umlaut", () => {
  test("is a git repository with everything of the team's committed", async () => {
    expect(await succeed("git", ["status", "--porcelain"], { cwd: workspace })).toBe("");
    const files = (await succeed("git", ["ls-files"], { cwd: workspace })).split("\n");
    expect(files).toEqual(
      expect.arrayContaining([".gitignore", "bootstrap.sh", "flow.sh", "flow.yaml", "scripts/hello.mjs"]),
    );
  });

  test("has its own Node and flow, whatever is on PATH", async () => {
    const bare = { HOME: home, XDG_CACHE_HOME: env.XDG_CACHE_HOME ?? "", PATH: "/usr/bin:/bin" };
    const flow = join(workspace, "bin/flow");
    const { version, kind, root, node } = JSON.parse(await succeed(flow, ["version", "--json"], { env: bare }));
    expect({ kind, root, node }).toEqual({
      kind: "release",
      root: join(workspace, "pkg/flow", version),
      node: /FLOW_NODE_VERSION=(.*)/.exec(await readFile(join(checkoutRoot, "bin/pins.sh"), "utf8"))?.[1],
    });
    expect(await succeed(flow, ["--version"], { env: bare })).toBe(version);
  });

  test("finds the mirror's packages and the team's own from every service, without an install", async () => {
    const program = `
      for (const name of ["goflow/runtime", "@acme/shop/rpc/common", "nanoid"]) console.log(await import.meta.resolve(name));`;
    const from = join(workspace, "src/example.com/acme/shop/service");
    const found = await succeed(join(workspace, "bin/node"), ["--input-type=module", "-e", program], { cwd: from });
    const paths = await Promise.all(found.split("\n").map((url) => realpath(new URL(url))));
    expect(paths[0]).toContain(`${workspace}/pkg/flow/`);
    expect(paths[1]).toBe(join(workspace, "src/example.com/acme/shop/rpc/common/index.ts"));
    expect(paths[2]).toContain("/vendor/node_modules/nanoid/");
  });

  test("is left alone, file for file, by a second run", async () => {
    // The bootstrap's own journal and locks aside.
    const state = () => directoryState(workspace, (path) => path.startsWith(".flow/"));
    const before = await state();
    await succeed(join(workspace, "bin/flow"), ["bootstrap", workspace]);
    const first = await state();
    await succeed(join(workspace, "bin/flow"), ["bootstrap"], { cwd: join(workspace, "src") });
    expect(await state()).toEqual(first);
    const names = (lines: string[]) => lines.map((line) => line.split(" ")[0]);
    expect(names(first)).toEqual(names(before));
  });

  test("changed nothing in the home directory", async () => {
    expect(await directoryState(home)).toEqual([]);
  });

  test("runs its tools, programs and scripts with their own exit codes, from anywhere inside", async () => {
    const flow = join(workspace, "bin/flow");
    const cwd = join(workspace, "src/example.com/acme/shop");
    expect(await succeed(flow, ["exec", "--", "buf", "--version"], { cwd })).toMatch(/^\d+\.\d+\.\d+$/);
    expect(await succeed(flow, ["tool", "which", "buf"], { cwd })).toBe(join(workspace, "bin/buf"));
    expect(await succeed(flow, ["script", "hello", "Ada"], { cwd })).toContain("Hello Ada");
    expect(await succeed(flow, ["script"], { cwd })).toContain("show what a script of the team can use");
    expect(await run(flow, ["exec", "--", "sh", "-c", "exit 7"], { cwd })).toMatchObject({ exitCode: 7 });
    expect(await run(flow, ["exec", "--", "sh", "-c", "kill -TERM $$"], { cwd })).toMatchObject({ exitCode: 143 });
    expect(await run(flow, ["exec", "--", "no-such-program"], { cwd })).toMatchObject({ exitCode: 127 });
    expect(await run(flow, ["script", "helo"], { cwd })).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining('did you mean "hello"?'),
    });
  });
});

test("flow.sh activates what flow env says, and leaves no trace when it is deactivated", async () => {
  const set = (script: string, shell = "bash") => succeed(shell, ["-c", `${script}; env | sort`], { cwd: workspace });
  const relevant = (text: string) =>
    text.split("\n").filter((line) => /^(PATH|FLOW_HOME|npm_config_cache|BUF_CACHE_DIR|GO\w+)=/.test(line));
  const sourced = relevant(await set(". ./flow.sh"));
  expect(sourced).toHaveLength(6);
  expect(relevant(await set(`eval "$('${join(workspace, "bin/flow")}' env)"`))).toEqual(sourced);
  expect(relevant(await set(`FLOW_HOME='${workspace}'; . ./flow.sh`, "sh"))).toEqual(sourced);
  expect(relevant(await set(". ./flow.sh; . ./flow.sh"))).toEqual(sourced);
  expect(await set(". ./flow.sh; flow_deactivate")).toBe(await set("true"));
  const variables = await succeed("bash", ["-c", ". ./flow.sh; flow_deactivate; set | grep -c ^_flow_ || true"], {
    cwd: workspace,
  });
  expect(variables).toBe("0");
});

test("a workspace whose pkg/ was deleted says how to bring it back, and that works", async () => {
  await rm(join(workspace, "pkg"), { recursive: true });
  const gone = await run(join(workspace, "bin/flow"), ["--version"]);
  expect(gone).toMatchObject({ exitCode: 1, stderr: expect.stringContaining("bootstrap.sh") });
  await succeed(join(workspace, "bootstrap.sh"), []);
  expect(
    await succeed(join(workspace, "bin/flow"), ["exec", "--", "protoc-gen-es", "--version"], { cwd: workspace }),
  ).toMatch(/2\./);
});

describe("a team's workspace", () => {
  test("cannot be joined while its mirror is on its maker's machine; nothing half-way stays", async () => {
    const copy = join(dir, "too early");
    const result = await run(join(checkoutRoot, "bin/flow"), ["bootstrap", "--from", workspace, copy]);
    expect(result).toMatchObject({ exitCode: 3, stderr: expect.stringContaining("--publish-mirror") });
    expect(existsSync(copy)).toBe(false);
  });

  test("is joined once its mirror is published: Node, flow, tools and code are there", async () => {
    const [remote, shared, shop] = [join(dir, "vendor.git"), join(dir, "workspace.git"), join(dir, "shop.git")];
    const flow = join(workspace, "bin/flow");
    await succeed("git", ["init", "--quiet", "--bare", remote]);
    await succeed("git", ["clone", "--quiet", "--bare", join(workspace, "src/example.com/acme/shop"), shop]);
    await succeed(flow, ["bootstrap", "--publish-mirror", remote], { cwd: workspace });
    await succeed("sed", ["-i", `s#  shop: {}#  shop: { url: "${shop}" }#`, "flow.yaml"], { cwd: workspace });
    const who = ["-c", "user.name=Ada", "-c", "user.email=ada@example.com"];
    await succeed("git", [...who, "commit", "-qam", "Say where shop is"], { cwd: workspace });
    await succeed("git", ["clone", "--quiet", "--bare", workspace, shared]);

    // The maker's workspace is out of reach from now on.
    await rename(workspace, `${workspace} (away)`);
    try {
      const joined = join(dir, "joined");
      await succeed(join(checkoutRoot, "bin/flow"), ["bootstrap", "--from", shared, joined]);
      expect(await succeed("git", ["status", "--porcelain"], { cwd: joined })).toBe("");
      const list = JSON.parse(await succeed(join(joined, "bin/flow"), ["tool", "list", "--json"], { cwd: joined }));
      expect(list.tools.map(({ state }: { state: string }) => state)).toEqual(["installed", "installed", "installed"]);
      expect(existsSync(join(joined, "src/example.com/acme/shop/rpc/common/index.ts"))).toBe(true);
      expect(await readlink(join(joined, "node_modules/@acme/shop"))).toBe("../../src/example.com/acme/shop");

      // And by hand, on a machine without flow: the workspace's own bootstrap.sh takes it out of the mirror.
      const cloned = join(dir, "cloned");
      await succeed("git", ["clone", "--quiet", shared, cloned]);
      await succeed(join(cloned, "bootstrap.sh"), []);
      expect(await succeed(join(cloned, "bin/flow"), ["tool", "which", "buf"], { cwd: cloned })).toBe(
        join(cloned, "bin/buf"),
      );
      expect(existsSync(join(cloned, ".flow/seed"))).toBe(false);
    } finally {
      await rename(`${workspace} (away)`, workspace);
    }
  });
});

describe("what cannot be done is refused with the way out", () => {
  test.each([
    ["a directory with other things in it", ["home/.."], "is not empty", 2],
    ["a new workspace without its names", ["new"], "--org acme --module example.com/acme", 2],
    ["a module that is no import path", ["new", "--org", "acme", "--module", "acme"], "import path", 2],
    ["an example that does not exist", ["new", "--org", "a", "--module", "a.b/c", "--example", "shp"], '"shop"', 2],
    ["another organization than that of the workspace", ["das Büro", "--org", "other"], "acme, not other", 2],
    ["a workspace inside another", ["das Büro/inner", "--org", "a", "--module", "a.b/c"], "side by side", 2],
    ["a workspace that is not there", ["new", "--from", "/nonexistent.git"], "nonexistent", 1],
  ])("%s", async (_name, args, expected, exitCode) => {
    const result = await run(join(checkoutRoot, "bin/flow"), ["bootstrap", ...args]);
    expect(result).toMatchObject({ exitCode, stderr: expect.stringContaining(expected), stdout: "" });
    expect(existsSync(join(dir, "new"))).toBe(false);
  });

  test("a dry run prints the plan and does nothing", async () => {
    const plan = await succeed(join(checkoutRoot, "bin/flow"), [
      "bootstrap",
      "new",
      "--org",
      "a",
      "--module",
      "a.b/c",
      "--dry-run",
      "--json",
    ]);
    expect(JSON.parse(plan).steps.map(({ id }: { id: string }) => id)).toEqual(
      ["directory", "node", "mirror", "flow", "repositories", "example", "tools", "links", "generate"].map(
        (name) => `bootstrap.${name}`,
      ),
    );
    expect(existsSync(join(dir, "new"))).toBe(false);
  });
});
