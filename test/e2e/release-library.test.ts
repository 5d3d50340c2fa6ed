import { execa } from "execa";
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { checkoutRoot } from "../support/context.ts";
import { unpackRelease } from "../support/release.ts";

interface Manifest {
  version: string;
  dependencies: Record<string, string>;
  exports: Record<string, string | { types: string; default: string }>;
  scripts?: unknown;
  devDependencies?: unknown;
}

let project: string;
let manifest: Manifest;

/** A project whose node_modules holds the packed goflow and the packages it says it depends on, and no other. */
beforeAll(async () => {
  project = await mkdtemp(join(tmpdir(), "flow-library-"));
  const modules = join(project, "node_modules");
  const { directory } = await unpackRelease(modules);
  manifest = JSON.parse(await readFile(join(directory, "package.json"), "utf8")) as Manifest;
  for (const name of [...Object.keys(manifest.dependencies), "@types/node"]) {
    await mkdir(dirname(join(modules, name)), { recursive: true });
    await symlink(join(checkoutRoot, "node_modules", name), join(modules, name));
  }
  await writeFile(join(project, "package.json"), JSON.stringify({ name: "team", type: "module" }));
  return () => rm(project, { recursive: true, force: true });
});

describe("the packed library in a project's node_modules", () => {
  test("every public subpath can be imported", async () => {
    const subpaths = Object.keys(manifest.exports).map((path) =>
      path.replace("./", "goflow/").replace("*", "flow/options_pb"),
    );
    const code = subpaths
      .filter((path) => !path.endsWith(".json"))
      .map((path) => `await import(${JSON.stringify(path)});`)
      .join("\n");
    await writeFile(join(project, "all.ts"), code);
    const { stderr, exitCode } = await execa(process.execPath, ["all.ts"], { cwd: project, reject: false });
    expect({ stderr, exitCode }).toEqual({ stderr: "", exitCode: 0 });
  });

  test("its declarations hold under strict settings, without the compiler looking away", async () => {
    await writeFile(
      join(project, "service.ts"),
      [
        `import { background, Code, type Context, RpcError, serve, Service, type Server } from "goflow/runtime";`,
        `import { createConsul } from "goflow/runtime/consul";`,
        `import { webapi } from "goflow/proto/flow/options_pb";`,
        `export class Greeter extends Service {`,
        `  override desc() { return "greets"; }`,
        `  override register(_server: Server) {}`,
        `  greet(ctx: Context, name: string): string {`,
        `    if (name === "") throw ctx.trace(new RpcError(Code.InvalidArgument, "no name"));`,
        "    return `hello ${name}`;",
        `  }`,
        `}`,
        `export const start = () => serve(new Greeter());`,
        `export const greeting: string = new Greeter().greet(background(), "you");`,
        `export const consul = createConsul({ address: "127.0.0.1:8500" });`,
        `export const option: "flow.webapi" = webapi.typeName as "flow.webapi";`,
      ].join("\n"),
    );
    const flags = ["--noEmit", "--strict", "--exactOptionalPropertyTypes", "--skipLibCheck", "false"];
    const target = ["--target", "es2024", "--module", "nodenext", "--types", "node", "--erasableSyntaxOnly"];
    const { stdout, exitCode } = await execa(
      process.execPath,
      [join(checkoutRoot, "node_modules/typescript/bin/tsc"), ...flags, ...target, "service.ts"],
      { cwd: project, reject: false },
    );
    const ours = stdout.split("\n").filter((line) => /^(?:service|node_modules\/goflow\/)/.test(line));
    expect({ ours, exitCode: ours.length === 0 ? 0 : exitCode }).toEqual({ ours: [], exitCode: 0 });
  });

  test("its manifest holds nothing that only building it needs", () => {
    expect(manifest.scripts).toBeUndefined();
    expect(manifest.devDependencies).toBeUndefined();
  });
});
