import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import {
  dependencyViolations,
  eagerViolations,
  folderViolations,
  globalViolations,
  type Project,
} from "../../../scripts/imports/rules.ts";
import { scanModule } from "../../../scripts/imports/scan.ts";
import { tempDirectory } from "../../support/temp.ts";

async function projectOf(files: Record<string, string>): Promise<Project> {
  const root = await tempDirectory();
  const modules = new Map();
  for (const [path, source] of Object.entries(files)) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), source);
    modules.set(path, await scanModule(root, path));
  }
  return {
    modules,
    publicRuntime: (path) => path === "src/runtime/index.ts",
    dependencies: ["@grpc/grpc-js"],
    peers: [],
  };
}

describe("the table of folders", () => {
  test.each([
    ["src/toolchain/a.ts", `import { x } from "../vendoring/index.ts";`],
    ["src/vendoring/a.ts", `import { x } from "../core/json.ts"; import { y } from "../config/index.ts";`],
    ["src/edge/a.ts", `import { x } from "../runtime/index.ts"; import { y } from "../http2/frames.ts";`],
    ["src/runtime/a.ts", `import { x } from "../http2/frames.ts"; import fs from "node:fs";`],
    ["src/runtime/internal/transport/grpc-js/a.ts", `import { Server } from "@grpc/grpc-js";`],
    ["src/cli/commands/a/b.ts", `const x = await import("../../../runner/deep/inside.ts");`],
    [
      "test/unit/a.test.ts",
      `import { x } from "../../src/runtime/internal/deep.ts"; import { y } from "@grpc/grpc-js";`,
    ],
  ])("lets %s do: %s", async (path, source) => {
    expect(folderViolations(await projectOf({ [path]: source }))).toEqual([]);
  });

  test.each([
    ["src/vendoring/a.ts", `import { x } from "../toolchain/index.ts";`, "toolchain is not"],
    ["src/edge/a.ts", `import { x } from "../gateway/index.ts";`, "gateway is not"],
    ["src/toolchain/a.ts", `import { x } from "../vendoring/fetch.ts";`, "by its index.ts"],
    ["src/toolchain/a.ts", `export * from "../vendoring/fetch.ts";`, "by its index.ts"],
    ["src/vendoring/a.ts", `type X = import("../cli/context.ts").X;`, "never import cli"],
    ["src/edge/a.ts", `import { x } from "../runtime/internal/deep.ts";`, "public subpaths"],
    ["src/runner/a.ts", `import { x } from "../http2/frames.ts";`, "does not import http2"],
    ["src/config/a.ts", `import { x } from "../runtime/index.ts";`, "core only"],
    ["src/core/a.ts", `import { x } from "../config/index.ts";`, "nothing else"],
    ["src/runtime/a.ts", `import type { x } from "../core/json.ts";`, "published alone"],
    ["src/runtime/a.ts", `import { execa } from "left-pad";`, "not among package.json's dependencies"],
    ["src/runtime/a.ts", `import { Server } from "@grpc/grpc-js";`, "belongs to"],
    ["src/http2/a.ts", `import { x } from "yaml";`, "node: only"],
    ["src/core/a.ts", `import { $ } from "zx";`, "belongs to scripts/"],
    ["src/newcomer/a.ts", `import { x } from "../core/json.ts";`, "no row"],
    ["src/vendoring/a.ts", `import { x } from "../../test/support/temp.ts";`, "does not import test/"],
    ["scripts/a.ts", `import { x } from "../src/core/json.ts";`, "not src/core"],
    ["src/core/a.ts", `import { x } from "./json.js";`, "extension .ts"],
  ])("refuses %s: %s", async (path, source, reason) => {
    const violations = folderViolations(await projectOf({ [path]: source }));
    expect(violations).toMatchObject([{ path, line: 1 }]);
    expect(violations[0]?.message).toContain(reason);
  });
});

test("below src/cli nothing reads the process, prints, or asks where its own file lies", async () => {
  const project = await projectOf({
    "src/core/a.ts": `process.pid; process.platform;\nprocess.env.HOME;`,
    "src/vendoring/a.ts": `process.kill(1);\nconsole.log(1);\nimport.meta.url;\nconst { env } = process;`,
    "src/runtime/environment.ts": `process.env.HOME;`,
    "src/runtime/frame.ts": `import.meta.url;`,
    "src/cli/a.ts": `process.exit(1);`,
  });
  expect(globalViolations(project).map(({ path, line }) => `${path}:${line}`)).toEqual([
    "src/core/a.ts:2",
    "src/vendoring/a.ts:1",
    "src/vendoring/a.ts:2",
    "src/vendoring/a.ts:3",
    "src/vendoring/a.ts:4",
  ]);
});

test("what a command loads before it acts is found through every module that leads there", async () => {
  const project = await projectOf({
    "src/cli/main.ts": `import "node:fs"; import "../core/paths.ts"; await import("./program.ts");`,
    "src/cli/program.ts": `import { Command } from "commander";`,
    "src/core/paths.ts": ``,
    "src/cli/commands/index.ts": `const all = [() => import("./a.ts"), () => import("./b.ts")];`,
    "src/cli/commands/a.ts": `import { x } from "../../vendoring/index.ts"; import type { Y } from "yaml";`,
    "src/cli/commands/b.ts": `const run = () => import("../../vendoring/index.ts");`,
    "src/vendoring/index.ts": `export { x } from "./fetch.ts";`,
    "src/vendoring/fetch.ts": `import pacote from "pacote";`,
  });
  const [violation, ...others] = eagerViolations(project);
  expect(others).toEqual([]);
  expect(violation).toMatchObject({ path: "src/cli/commands/a.ts" });
  expect(violation?.message).toContain("pacote before it acts (src/vendoring/index.ts → src/vendoring/fetch.ts)");
});

test("a dependency that the library does not import is named", async () => {
  expect(dependencyViolations(await projectOf({}))).toMatchObject([{ path: "package.json" }]);
});
