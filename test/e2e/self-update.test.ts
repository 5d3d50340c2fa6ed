import { execa } from "execa";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { appendFile, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { makeKey } from "../../scripts/release/keys.ts";
import { isRunning, identify } from "../../src/core/proc.ts";
import { poll } from "../../src/core/retry.ts";
import type { RunDocument } from "../../src/runner/index.ts";
import { git, writeFiles } from "../support/git-repository.ts";
import {
  Keeper,
  makeMachine,
  makeReleases,
  packTool,
  publicKey,
  signed,
  unpackFlow,
  zx,
  type Machine,
  type Releases,
} from "../support/self-update.ts";

let machine: Machine & AsyncDisposable;
let releases: Releases;
let workspace: string;
let flow: string;
let keeper: Keeper;

const service = `
import { createServer } from "node:http";
import * as runtime from "goflow/runtime";
createServer((_request, response) => response.end(String(runtime.generation ?? 1))).listen(process.env.FLOW_PORT, "127.0.0.1");
`;

/** What the workspace is made of now, seen as its user sees it: a tool of the team's, and one that releases of flow pin. */
async function inUse(): Promise<{ flow: string; says: string; tool: string; zx: string; runtime: number }> {
  const program = `import("goflow/runtime").then((runtime) => console.log(runtime.generation ?? 1))`;
  const from = join(workspace, "src/example.com/acme/web");
  const bin = (name: string) => join(workspace, "bin", name);
  const [version, says, tool, pinned, runtime] = await Promise.all([
    machine.ok([flow, "--version"]),
    machine.ok([flow, "version"]),
    machine.ok([bin("hello"), "--version"]),
    machine.ok([bin("zx"), "--version"]),
    machine.ok([bin("node"), "-e", program], { cwd: from }),
  ]);
  return { flow: version, says, tool, zx: pinned, runtime: Number(runtime) };
}

const first = { flow: "1.0.0", says: "flow 1.0.0", tool: "hello 1.0.0", zx: zx.first, runtime: 1 };
const second = { flow: "1.1.0", says: "flow 1.1.0, the second", tool: "hello 2.0.0", zx: zx.second, runtime: 2 };

async function update(...args: string[]) {
  return await machine.run([flow, "self-update", ...args], { cwd: workspace });
}

async function ps(): Promise<RunDocument> {
  return JSON.parse(await machine.ok([flow, "ps", "--json"], { cwd: workspace })) as RunDocument;
}

beforeAll(async () => {
  machine = await makeMachine("flow update ü");
  const { dir, ok } = machine;
  releases = await makeReleases(machine);
  const launcher = await unpackFlow(join(dir, "release"), releases.tarballs["1.0.0"]);
  const mirror = join(dir, "mirror.git");
  await ok(["git", "init", "--quiet", "--bare", "--initial-branch=main", mirror]);
  workspace = join(dir, "work space");
  flow = join(workspace, "bin/flow");
  await ok([launcher, "bootstrap", workspace, "--org", "acme", "--module", "example.com/acme", "--mirror", mirror]);
  const clone = join(dir, "keeper");
  await git(dir, ["clone", "--quiet", mirror, clone]);
  keeper = new Keeper(machine, { dir: clone, flow: launcher });
  await keeper.add(await packTool(dir, "1.0.0"));
  await ok([flow, "vendor", "sync"], { cwd: workspace });
  const definition = join(workspace, "flow.yaml");
  const text = (await readFile(definition, "utf8"))
    .replace("repositories: {}", "repositories:\n  web: {}")
    .replace(
      "\ntools:",
      "\nconsul: embedded\nedge: { enabled: false }\ntools:\n  hello: { npm: hello }\n  zx: { npm: zx }",
    );
  await writeFile(definition, text);
  await writeFiles(join(workspace, "src/example.com/acme/web"), {
    "flow.yaml": "services:\n  web:\n    command: node service.mjs\n",
    "service.mjs": service,
  });
  await ok([flow, "tool", "install"], { cwd: workspace });
  return () => machine[Symbol.asyncDispose]();
});

afterAll(async () => {
  if (existsSync(join(workspace, ".flow/run/run.json"))) await machine.run([flow, "stop"], { cwd: workspace });
});

describe("with nothing newer in the mirror", () => {
  test("there is nothing to do, and nothing to return to", async () => {
    expect(await inUse()).toEqual(first);
    expect(await update()).toMatchObject({ exitCode: 0, stdout: "flow 1.0.0 is in use already." });
    expect(await update("--rollback")).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining("no earlier version"),
    });
    const check = await update("--check", "--json");
    expect(JSON.parse(check.stdout)).toMatchObject({ current: "1.0.0", available: "1.0.0", newer: false });
  });
});

describe("with 1.1.0 in the mirror, and another version of a tool", () => {
  beforeAll(async () => {
    await keeper.add(releases.tarballs["1.1.0"], await packTool(machine.dir, "2.0.0"));
  });

  test("it is told of, planned, and taken only when asked for: in a CI never", async () => {
    const check = await update("--check", "--json");
    expect(JSON.parse(check.stdout)).toMatchObject({ current: "1.0.0", available: "1.1.0", newer: true });
    expect((await update("--dry-run")).stdout).toContain("fetch flow 1.1.0 from the mirror");
    const ci = await machine.run([flow, "self-update"], { cwd: workspace, env: { CI: "true" } });
    expect(ci).toMatchObject({ exitCode: 2, stderr: expect.stringContaining("in a CI") });
    expect(await inUse()).toEqual(first);
  });

  describe("what must not be taken is refused, and the old version works on", () => {
    const refusals: Record<
      string,
      { change: () => Promise<Record<string, string | Uint8Array | null>>; says: string }
    > = {
      "a file that is not the signed one": {
        change: async () => ({ "dist/cli/main.js": `${await keeper.read("dist/cli/main.js")}// more\n` }),
        says: "dist/cli/main.js is not what was signed",
      },
      "a file that nobody signed": {
        change: async () => ({ "dist/cli/more.js": "0;\n" }),
        says: "dist/cli/more.js does not belong to it",
      },
      "a file that is missing": { change: async () => ({ LICENSE: null }), says: "LICENSE is missing" },
      "a manifest that was changed after it was signed": {
        change: async () => ({ "release.json": `${await keeper.read("release.json")} ` }),
        says: "the signature of the release is wrong",
      },
      "a release without a signature": { change: async () => ({ "release.sig": null }), says: "is not signed" },
      "a release that an unknown key signed": {
        change: async () => {
          const stranger = join(machine.dir, "stranger.pem");
          await makeKey(stranger);
          return { "release.sig": await signed(await keeper.read("release.json"), stranger) };
        },
        says: "signed by an unknown key",
      },
      "a release that does not start, although it is signed": {
        change: async () => {
          const broken = "throw new Error('broken by its makers');\n";
          const manifest = JSON.parse(String(await keeper.read("release.json"))) as { files: Record<string, string> };
          manifest.files["dist/cli/program.js"] = createHash("sha256").update(broken).digest("hex");
          const text = JSON.stringify(manifest);
          return {
            "dist/cli/program.js": broken,
            "release.json": text,
            "release.sig": await signed(Buffer.from(text), releases.key),
          };
        },
        says: "flow 1.1.0 does not work on this machine",
      },
    };

    test.each(Object.keys(refusals))("%s", async (name) => {
      const { change, says } = refusals[name] as (typeof refusals)[string];
      const takeBack = await keeper.tamper(await change());
      try {
        const result = await update();
        expect(result).toMatchObject({ exitCode: 1, stdout: "", stderr: expect.stringContaining(says) });
      } finally {
        await takeBack();
      }
      expect(await machine.ok([flow, "--version"])).toBe("1.0.0");
      expect(await readdir(join(workspace, "pkg/generations"))).toEqual(["1"]);
    });

    test("keys that flow.yaml names count instead of those that flow brought", async () => {
      const definition = join(workspace, "flow.yaml");
      const before = await readFile(definition, "utf8");
      const mine = await makeKey(join(machine.dir, "mine.pem"));
      await appendFile(definition, `\nupdate: { keys: ["${mine}"] }\n`);
      const result = await update();
      await writeFile(definition, before);
      expect(result).toMatchObject({ exitCode: 1, stderr: expect.stringContaining(`trusted    ${mine}`) });
    });

    test.skipIf(process.getuid?.() !== 0)("a full disk", async () => {
      // What is written below pkg/ goes to a file system of 1 MB that is gone afterwards.
      const script = `
        mkdir "$1" && mount -t tmpfs -o size=1m none "$1" && mkdir "$1/up" "$1/work"
        mount -t overlay -o "lowerdir=$2/pkg,upperdir=$1/up,workdir=$1/work" none "$2/pkg" || exit 99
        "$2/bin/flow" self-update >&2; code=$?
        "$2/bin/flow" --version && "$2/bin/hello" && exit $code`;
      const result = await machine.run(
        ["unshare", "-m", "sh", "-c", script, "sh", join(machine.dir, "small"), workspace],
        { cwd: workspace },
      );
      expect(result).toMatchObject({
        exitCode: 1,
        stdout: "1.0.0\nhello 1.0.0",
        stderr: expect.stringContaining("the disk is full [FLOW_DISK_FULL]"),
      });
    });
  });

  /** Every moment between two writes: where one step ends as the next begins, once. */
  const moments = [
    { id: "self-update.find", phase: "start" },
    { id: "self-update.fetch", phase: "start" },
    { id: "self-update.verify", phase: "start" },
    { id: "self-update.verify", phase: "done" },
    { id: "vendor.sync", phase: "start" },
    { id: "vendor.sync", phase: "done" },
    { id: "self-update.tools", phase: "start" },
    { id: "self-update.smoke", phase: "start" },
    { id: "self-update.switch", phase: "start" },
    { id: "self-update.switch", phase: "done" },
  ];

  test.each(moments)("SIGKILL at the $phase of $id leaves one version or the other, whole", async ({ id, phase }) => {
    await killAt(id, phase);
    const now = await inUse();
    if (now.flow === "1.0.0") expect(now).toEqual(first);
    else {
      expect(now).toEqual(second);
      expect(await update("--rollback")).toMatchObject({ exitCode: 0 });
      expect(await inUse()).toEqual(first);
    }
  });

  test("a fleet that runs survives the update and the way back, and says which version is installed", async () => {
    await machine.ok([flow, "run", "--detach"], { cwd: workspace });
    await machine.ok([flow, "wait"], { cwd: workspace });
    const before = await ps();
    expect(before.run?.otherFlow).toBeNull();
    const [web] = before.services;
    const processes = [web?.pid ?? 0, before.run?.supervisorPid ?? 0].map((pid) => identify(pid));

    expect(await update()).toMatchObject({ exitCode: 0, stdout: expect.stringContaining("flow 1.1.0 is in use") });
    expect(await inUse()).toEqual(second);
    const after = await ps();
    expect(after.services).toEqual(before.services);
    expect(after.run).toMatchObject({ flowVersion: "1.0.0", otherFlow: "1.1.0", state: "ready" });
    expect(await machine.ok([flow, "ps"], { cwd: workspace })).toContain("flow 1.1.0 is installed");
    const notice = "flow 1.1.0 is installed now; this run goes on with 1.0.0";
    const told = await poll(
      async () => (await machine.ok([flow, "logs", "flow"], { cwd: workspace })).includes(notice),
      { timeoutMs: 20_000 },
    );
    expect(told).toBe(true);

    // The network is gone: the remote of the mirror, and whatever a registry could give.
    const remote = join(machine.dir, "mirror.git");
    await machine.ok(["mv", remote, `${remote}.away`]);
    expect(await update("--rollback")).toMatchObject({ exitCode: 0 });
    await machine.ok(["mv", `${remote}.away`, remote]);
    expect(await inUse()).toEqual(first);
    expect((await ps()).run?.otherFlow).toBeNull();
    expect(processes.map((process) => process !== undefined && isRunning(process))).toEqual([true, true]);
    const answer = await fetch(`http://127.0.0.1:${web?.port}/`);
    expect(await answer.text()).toBe("1");
    await machine.ok([flow, "stop"], { cwd: workspace });
  });

  test("a workspace that pins a version is served by it, whichever is in use", async () => {
    expect(await update()).toMatchObject({ exitCode: 0 });
    expect(await machine.ok([flow, "--version"], { cwd: workspace })).toBe("1.1.0");
    const definition = join(workspace, "flow.yaml");
    const before = await readFile(definition, "utf8");
    await appendFile(definition, "\nflow: 1.0.0\n");
    expect(await machine.ok([flow, "version"], { cwd: workspace })).toBe("flow 1.0.0");
    expect(await machine.ok([flow, "version", "--json"], { cwd: workspace })).toContain('"version": "1.0.0"');
    expect(await update("--to", "1.1.0")).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining("pins flow 1.0.0"),
    });
    expect(await update()).toMatchObject({ exitCode: 0, stdout: expect.stringContaining("flow 1.0.0 is in use") });
    await writeFile(definition, `${before}\nflow: 3.0.0\n`);
    const missing = await machine.run([flow, "tool", "list"], { cwd: workspace });
    expect(missing).toMatchObject({ exitCode: 3, stderr: expect.stringContaining("flow self-update") });
    await writeFile(definition, before);
  });

  test("an older release in the mirror is taken by name only", async () => {
    expect(await update("--to", "1.1.0")).toMatchObject({ exitCode: 0 });
    await keeper.add(releases.tarballs["1.0.0"]);
    const refused = await update();
    expect(refused).toMatchObject({ exitCode: 2, stderr: expect.stringContaining("older than 1.1.0") });
    expect(await machine.ok([flow, "--version"])).toBe("1.1.0");
    expect(await update("--to", "1.0.0")).toMatchObject({ exitCode: 0 });
    expect(await machine.ok([flow, "--version"])).toBe("1.0.0");
  });
});

test("the same sources and key give the same release, byte for byte", async () => {
  const { checkout, key, nextKey, tarballs } = releases;
  const out = join(machine.dir, "again");
  const script = [
    process.execPath,
    join(checkout, "scripts/release.ts"),
    "--key",
    key,
    "--trust",
    await publicKey(nextKey),
  ];
  await machine.ok([...script, "--version", "1.1.0", "--out", out]);
  const sums = (dir: string) => readFile(join(dir, "goflow-1.1.0.SHA256SUMS"), "utf8");
  expect(await sums(out)).toBe(await sums(join(tarballs["1.1.0"], "..")));
});

/** Starts an update and kills it, and nothing else, as soon as it tells of this moment. */
async function killAt(id: string, phase: string): Promise<void> {
  const child = execa(flow, ["self-update"], {
    cwd: workspace,
    env: { ...machine.env, FLOW_REPORTER: "ndjson" },
    extendEnv: false,
    reject: false,
    stdin: "ignore",
  });
  let reached = false;
  for await (const line of createInterface({ input: child.stderr })) {
    const event = JSON.parse(line) as { type: string; id?: string; phase?: string };
    if (event.id !== id || (event.phase !== phase && !(phase === "done" && event.phase === "skip"))) continue;
    reached = true;
    child.kill("SIGKILL");
    break;
  }
  await child;
  expect(reached).toBe(true);
}
