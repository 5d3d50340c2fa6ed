import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { stringify } from "yaml";
import { FlowError } from "../core/errors.ts";
import { ensureSymlink, writeIfChanged } from "../core/files.ts";
import type { CodegenScope, ProtoModule } from "./scope.ts";

/**
 * What buf's standard lint rules ask for beyond what flow's style has: versionless packages, services named after
 * what they serve, and requests named after service and method (`ProductGet`, `ProductGetResp`).
 */
const lintExceptions = [
  "PACKAGE_VERSION_SUFFIX",
  "RPC_REQUEST_STANDARD_NAME",
  "RPC_RESPONSE_STANDARD_NAME",
  "SERVICE_SUFFIX",
];

/** Modules with protos, flow's own first. */
export function modulesOf(scope: CodegenScope): ProtoModule[] {
  return [scope.shipped, ...scope.repositories.map(({ protos }) => protos).filter(({ files }) => files.length > 0)];
}

/** Directory of the assembled tree. */
export function treeOf(scope: CodegenScope): string {
  return join(scope.stateDir, "tree");
}

/**
 * Lays out one tree of all protos: a link per module, because buf refuses module paths outside its own directory.
 * @throws FlowError FLOW_PROTO_INVALID when two modules hold the same path: an import could mean either
 */
export async function assembleTree(scope: CodegenScope): Promise<void> {
  const modules = modulesOf(scope);
  refuseDuplicates(modules);
  const tree = treeOf(scope);
  for (const { name, dir } of modules) await ensureSymlink(dir, join(tree, name));
  const names = new Set(modules.map(({ name }) => name));
  for (const entry of await readdir(tree, { withFileTypes: true })) {
    if (entry.isSymbolicLink() && !names.has(entry.name)) await rm(join(tree, entry.name));
  }
  await writeIfChanged(
    join(tree, "buf.yaml"),
    `# Written by flow gen.\n${stringify({
      version: "v2",
      modules: modules.map(({ name }) => ({ path: name })),
      lint: { use: ["STANDARD"], except: lintExceptions, ignore: [scope.shipped.name] },
      breaking: { use: ["WIRE_JSON"] },
    })}`,
  );
}

function refuseDuplicates(modules: readonly ProtoModule[]): void {
  const owners = new Map<string, ProtoModule>();
  for (const module of modules) {
    for (const file of module.files) {
      const owner = owners.get(file);
      if (owner !== undefined) {
        throw new FlowError(
          "FLOW_PROTO_INVALID",
          `${join(module.dir, file)}: ${join(owner.dir, file)} has the same import path`,
          {
            hint: "protos of all repositories share one import path: move one of the two to another package",
          },
        );
      }
      owners.set(file, module);
    }
  }
}
