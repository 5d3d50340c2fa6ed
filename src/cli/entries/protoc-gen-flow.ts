import { readFileSync } from "node:fs";
import { join } from "node:path";
import { runNodeJs } from "@bufbuild/protoplugin";
import { createFlowPlugin } from "../../codegen/plugin/index.ts";

// src/cli/entries in a checkout and dist/cli/entries in a release are equally deep.
const manifest = join(import.meta.dirname, "..", "..", "..", "package.json");
const { version } = JSON.parse(readFileSync(manifest, "utf8")) as { version: string };
runNodeJs(createFlowPlugin(`v${version}`));
