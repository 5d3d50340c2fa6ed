import { existsSync } from "node:fs";
import { chmod, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { describe, expect, test } from "vitest";
import { loadWorkspaceAt } from "../../../src/config/index.ts";
import { identify } from "../../../src/core/proc.ts";
import { collectGarbage, installTools, moveTools, planMoves, removeTools } from "../../../src/toolchain/index.ts";
import { thisPlatform } from "../../../src/toolchain/platform.ts";
import { makeRepository, writeFiles } from "../../support/git-repository.ts";
import { tempDirectory } from "../../support/temp.ts";
import { program, serve, sha256, toolWorkspace } from "../../support/tool-workspace.ts";

/** A site that has every version of every program, and a list of sums of what was asked for. */
async function site(): Promise<string> {
  return await serve((request, response) => {
    const [, name = "", version = "", file] = (request.url ?? "").split("/");
    const content = program(name, version);
    response.end(file === "SUMS" ? `${sha256(Buffer.from(content))}  program\n` : content);
  });
}

function pinned(url: string, name: string, version: string) {
  return {
    version,
    release: { url: `${url}/${name}/{version}/program`, sums: `${url}/${name}/{version}/SUMS`, path: name },
  };
}

async function says(bin: string, name: string): Promise<string> {
  return (await execa(join(bin, name))).stdout;
}

describe("tools of a workspace", () => {
  test("install side by side, each with its entry in the lock", async () => {
    const url = await site();
    const names = ["ant", "bee", "cow", "dog", "eel"];
    const { ctx, home, bin, workspace } = await toolWorkspace(
      Object.fromEntries(names.map((name) => [name, pinned(url, name, "1.0.0")])),
    );
    await installTools(ctx, workspace);
    expect(await Promise.all(names.map((name) => says(bin, name)))).toEqual(names.map((name) => `${name} 1.0.0`));
    const lock = JSON.parse(await readFile(join(home, "tools-lock.json"), "utf8")) as object;
    expect(Object.keys(lock)).toEqual(names);
  });

  test("move to a named version, which flow.yaml pins then; one that cannot be had changes nothing", async () => {
    const url = await site();
    const { ctx, home, bin, workspace } = await toolWorkspace({ ant: pinned(url, "ant", "1.0.0") });
    await installTools(ctx, workspace);
    await moveTools(ctx, workspace, planMoves(workspace, ["ant"], { to: "2.0.0" }));
    expect(await says(bin, "ant")).toBe("ant 2.0.0");
    const moved = await loadWorkspaceAt(home, {});
    expect(moved.definition.tools?.ant?.version).toBe("2.0.0");
    const text = await readFile(join(home, "flow.yaml"), "utf8");
    const broken = {
      ...moved,
      definition: { ...moved.definition, tools: { ant: pinned("http://127.0.0.1:9", "ant", "2.0.0") } },
    };
    await expect(moveTools(ctx, broken, planMoves(broken, ["ant"], { to: "3.0.0" }))).rejects.toMatchObject({
      code: "FLOW_HTTP_FAILED",
    });
    expect(await says(bin, "ant")).toBe("ant 2.0.0");
    expect(await readFile(join(home, "flow.yaml"), "utf8")).toBe(text);
  });

  test("are asked which version is meant, where nobody knows a newer one", async () => {
    const { workspace } = await toolWorkspace({ ant: pinned("http://x", "ant", "1.0.0") });
    expect(() => planMoves(workspace, ["ant"])).toThrow(expect.objectContaining({ code: "FLOW_USAGE" }));
    expect(() => planMoves(workspace, ["ant"], { to: "newest" })).toThrow("no exact version");
    expect(() => planMoves(workspace, ["bee"])).toThrow(expect.objectContaining({ code: "FLOW_TOOL_UNKNOWN" }));
  });

  test("leave nothing when they are removed", async () => {
    const url = await site();
    const { ctx, home, bin, workspace } = await toolWorkspace({
      ant: pinned(url, "ant", "1.0.0"),
      bee: pinned(url, "bee", "1.0.0"),
    });
    await installTools(ctx, workspace);
    const [plan] = await removeTools(ctx, workspace, { names: ["ant"], dryRun: true });
    expect(plan?.removed).toContain(join(home, "pkg/tools/ant"));
    expect(await says(bin, "ant")).toBe("ant 1.0.0");
    await removeTools(ctx, workspace, { names: ["ant"] });
    const found = await execa("grep", ["-rl", "ant", home], { reject: false });
    expect(found.stdout).toBe("");
    expect(existsSync(join(bin, "ant"))).toBe(false);
    expect(await readdir(bin)).toEqual(["bee"]);
    expect(await says(bin, "bee")).toBe("bee 1.0.0");
  });
});

describe("garbage", () => {
  test("is what neither the generation in use nor the one before refers to", async () => {
    const url = await site();
    const { ctx, home, bin, pin, workspace } = await toolWorkspace({ ant: pinned(url, "ant", "1.0.0") });
    await installTools(ctx, workspace);
    await installTools(ctx, await pin({ ant: pinned(url, "ant", "2.0.0") }));
    const payloads = () => readdir(join(home, "pkg/tools/ant"));
    expect((await payloads()).sort()).toEqual(["1.0.0", "2.0.0"]);
    expect(await collectGarbage(ctx, workspace, { dryRun: true })).toEqual([
      { path: join(home, "pkg/tools/ant/1.0.0"), bytes: expect.any(Number) },
    ]);
    expect(await payloads()).toHaveLength(2);
    await collectGarbage(ctx, workspace);
    expect(await payloads()).toEqual(["2.0.0"]);
    expect(await says(bin, "ant")).toBe("ant 2.0.0");
    expect(await collectGarbage(ctx, workspace)).toEqual([]);
  });

  test("is no flow and no Node while a run goes on", async () => {
    const { ctx, home, workspace } = await toolWorkspace({});
    const old = [join(home, "pkg/flow/0.9.0"), join(home, "pkg/node/20.0.0")];
    for (const dir of old) await mkdir(dir, { recursive: true });
    await mkdir(join(home, ".flow/run"), { recursive: true });
    await writeFile(join(home, ".flow/run/run.json"), JSON.stringify({ supervisor: identify(process.pid) }));
    expect(await collectGarbage(ctx, workspace)).toEqual([]);
    await writeFile(
      join(home, ".flow/run/run.json"),
      JSON.stringify({ supervisor: { pid: process.pid, startTime: "0" } }),
    );
    expect((await collectGarbage(ctx, workspace)).map(({ path }) => path)).toEqual(old);
    expect(old.map((dir) => existsSync(dir))).toEqual([false, false]);
  });
});

test("a program that runs is not touched when its tool moves on", async () => {
  const slow = Buffer.from(`#!/bin/sh\n[ "$1" = wait ] || { echo old; exit; }\nread line\necho "still old: $line"\n`);
  const fast = Buffer.from(program("ant", "2.0.0"));
  const url = await serve((request, response) => response.end(request.url === "/1.0.0" ? slow : fast));
  const version = (of: string, content: Buffer) => ({
    ant: {
      version: of,
      release: { url: `${url}/{version}`, sha256: { [thisPlatform]: sha256(content) }, path: "ant" },
    },
  });
  const { ctx, bin, pin, workspace } = await toolWorkspace(version("1.0.0", slow));
  await installTools(ctx, workspace);
  const running = execa(join(bin, "ant"), ["wait"]);
  await installTools(ctx, await pin(version("2.0.0", fast)));
  expect(await says(bin, "ant")).toBe("ant 2.0.0");
  running.stdin.end("go on\n");
  expect((await running).stdout).toBe("still old: go on");
});

describe("a program of the machine", () => {
  test("is taken when its version is in the range, and named when it is not", async () => {
    const dir = await tempDirectory("flow machine");
    await writeFiles(dir, { ant: program("ant", "1.5") });
    await chmod(join(dir, "ant"), 0o755);
    const env = { PATH: `${dir}:${process.env.PATH}` };
    const { ctx, bin, pin, workspace } = await toolWorkspace({ ant: { system: ">=1.4 <2" } }, env);
    expect(await installTools(ctx, workspace)).toMatchObject([{ version: "1.5.0", source: "system" }]);
    expect(await says(bin, "ant")).toBe("ant 1.5");
    expect(await installTools(ctx, workspace)).toMatchObject([{ changed: false }]);
    await expect(installTools(ctx, await pin({ ant: { system: ">=2" } }))).rejects.toMatchObject({
      code: "FLOW_TOOL_UNAVAILABLE",
      cause: `${join(dir, "ant")} is 1.5.0`,
    });
  });
});

describe("a script of the mirror", () => {
  test("is installed as it is committed there", async () => {
    const { ctx, home, bin, workspace } = await toolWorkspace({ ant: { file: "scripts/ant.sh" } });
    const mirror = workspace.paths.mirror;
    await makeRepository(mirror, { "scripts/ant.sh": program("ant", "of the mirror") });
    await writeFiles(mirror, { "scripts/ant.sh": "exit 1\n" });
    await installTools(ctx, workspace);
    expect(await says(bin, "ant")).toBe("ant of the mirror");
    await expect(
      installTools(ctx, { ...workspace, definition: { ...workspace.definition, tools: { bee: { file: "bee" } } } }),
    ).rejects.toMatchObject({ code: "FLOW_TOOL_UNAVAILABLE" });
    expect(existsSync(join(home, "pkg/tools/bee"))).toBe(false);
  });
});
