import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { CodegenTools } from "../../src/codegen/index.ts";
import { checkoutRoot, testContext } from "./context.ts";

/** Generators from this checkout's development dependencies. */
export const checkoutTools: CodegenTools = {
  buf: [join(checkoutRoot, "node_modules/.bin/buf")],
  protocGenEs: [join(checkoutRoot, "node_modules/.bin/protoc-gen-es")],
  protocGenFlow: testContext(checkoutRoot).installation.entry("protoc-gen-flow") as unknown as CodegenTools["buf"],
};

/** Writes files by their path below `dir`. */
export async function writeFiles(dir: string, files: Readonly<Record<string, string>>): Promise<void> {
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(dir, path)), { recursive: true });
    await writeFile(join(dir, path), content);
  }
}

/** A small repository with one proto service. */
export const thingRepository: Readonly<Record<string, string>> = {
  "flow.yaml": "name: things\nservices:\n  thing:\n    entry: service/thing/thing.ts\n",
  "package.json": '{ "name": "@acme/things", "type": "module" }\n',
  "proto/common/thing.proto": [
    'syntax = "proto3";',
    "package common;",
    'import "flow/options.proto";',
    "// Thing keeps things.",
    "service Thing {",
    "  // Get gives one.",
    "  rpc Get(ThingGet) returns (ThingGetResp) {",
    "    option (flow.webapi).enable = true;",
    "  }",
    "}",
    "message ThingGet { string id = 1; }",
    "message ThingGetResp { string id = 1; }",
    "",
  ].join("\n"),
};
